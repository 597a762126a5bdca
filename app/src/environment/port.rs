//! What pages ask about environments.

use async_trait::async_trait;

use super::EnvironmentView;
use crate::account::Actor;
use crate::error::ApiError;

/// Environments and their lines.
#[async_trait]
pub trait EnvironmentPort: Send + Sync {
    /// Names in order.
    async fn names(&self, actor: &Actor) -> Result<Vec<String>, ApiError>;
    /// One environment; past trains only with numbers below `before`.
    async fn environment(
        &self,
        actor: &Actor,
        name: &str,
        before: Option<i64>,
    ) -> Result<EnvironmentView, ApiError>;
}
