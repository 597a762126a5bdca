//! What the browser may ask about numbers.

#![expect(missing_docs, reason = "the macro makes a public field of every argument")]

use leptos::prelude::*;

use super::Metrics;
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// Numbers of the last `days` days.
#[server(prefix = "/ui", endpoint = "metric/read")]
pub async fn load_metrics(days: u32) -> Result<Metrics, ApiError> {
    answer(backend()?.metric.metrics(&actor()?, days).await)
}
