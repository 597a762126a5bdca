//! What the browser may ask about builds and deliveries.

#![expect(missing_docs, reason = "the macro makes a public field of every argument")]

use leptos::prelude::*;

use super::{BuildFilter, BuildPage, DeliveryPage};
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// A page of builds.
#[server(prefix = "/ui", endpoint = "build/list")]
pub async fn load_builds(#[server(default)] filter: BuildFilter) -> Result<BuildPage, ApiError> {
    answer(backend()?.build.builds(&actor()?, filter).await)
}

/// A page of webhook deliveries.
#[server(prefix = "/ui", endpoint = "build/deliveries")]
pub async fn load_deliveries(before: Option<String>) -> Result<DeliveryPage, ApiError> {
    answer(backend()?.build.deliveries(&actor()?, before).await)
}
