//! What pages ask about deployments, and what people do with them.

use async_trait::async_trait;

use super::{DeploymentView, RollbackPlan};
use crate::account::Actor;
use crate::error::ApiError;

/// Deployments and rollbacks.
#[async_trait]
pub trait DeploymentPort: Send + Sync {
    /// One deployment.
    async fn deployment(&self, actor: &Actor, id: &str) -> Result<DeploymentView, ApiError>;
    /// What a slot could be rolled back to.
    async fn rollback_plan(
        &self,
        actor: &Actor,
        service: &str,
        environment: &str,
    ) -> Result<RollbackPlan, ApiError>;
    /// Starts a rollback; answers the new deployment's id. Asked twice for the same digest while one is under way, it
    /// answers the same id.
    async fn roll_back(
        &self,
        actor: &Actor,
        service: &str,
        environment: &str,
        digest: &str,
        reason: &str,
    ) -> Result<String, ApiError>;
    /// Cancels a deployment under way and puts the slot back.
    async fn cancel(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError>;
    /// Says that a person has looked at a deployment that needed one; frees the slot.
    async fn resolve(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError>;
    /// Says of a deployment that needed a human that what it brought runs well: it has succeeded, on a person's word.
    async fn vouch(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError>;
    /// Lets an image that failed in a slot board it again.
    async fn allow_again(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError>;
}
