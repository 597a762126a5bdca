//! What pages ask about builds.

use async_trait::async_trait;

use super::{BuildFilter, BuildPage, DeliveryPage};
use crate::account::Actor;
use crate::error::ApiError;

/// Builds and the deliveries that told of them.
#[async_trait]
pub trait BuildPort: Send + Sync {
    /// A page of builds.
    async fn builds(&self, actor: &Actor, filter: BuildFilter) -> Result<BuildPage, ApiError>;
    /// A page of webhook deliveries.
    async fn deliveries(&self, actor: &Actor, before: Option<String>) -> Result<DeliveryPage, ApiError>;
}
