//! What the browser may ask about environments.

#![expect(missing_docs, reason = "the macro makes a public field of every argument")]

use leptos::prelude::*;

use super::EnvironmentView;
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// One environment; past trains only with numbers below `before`.
#[server(prefix = "/ui", endpoint = "environment/read")]
pub async fn load_environment(name: String, before: Option<i64>) -> Result<EnvironmentView, ApiError> {
    answer(backend()?.environment.environment(&actor()?, &name, before).await)
}
