//! What the metrics page asks.

use async_trait::async_trait;

use super::Metrics;
use crate::account::Actor;
use crate::error::ApiError;

/// Delivery numbers.
#[async_trait]
pub trait MetricPort: Send + Sync {
    /// Numbers of the last `days` days (1 to 366).
    async fn metrics(&self, actor: &Actor, days: u32) -> Result<Metrics, ApiError>;
}
