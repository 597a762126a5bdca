//! What pages ask about services.

use async_trait::async_trait;

use super::{ServiceView, Unmapped};
use crate::account::Actor;
use crate::error::ApiError;

/// Services, slots and mapping.
#[async_trait]
pub trait ServicePort: Send + Sync {
    /// One service with its slots.
    async fn service(&self, actor: &Actor, name: &str) -> Result<ServiceView, ApiError>;
    /// ECS services that belong to no slot.
    async fn unmapped(&self, actor: &Actor) -> Result<Unmapped, ApiError>;
    /// Says which service and container an ECS service is.
    async fn map(&self, actor: &Actor, arn: &str, service: &str, container: &str) -> Result<(), ApiError>;
}
