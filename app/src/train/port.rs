//! What pages ask about trains, and what people do with them.

use async_trait::async_trait;

use super::{ApprovalRequest, TrainView};
use crate::account::Actor;
use crate::error::ApiError;

/// Trains. Every act names the revision (and, where it binds, the manifest) that the person saw: where the train has
/// moved on since, the act is refused with [`ApiError::Conflict`] and nothing happens.
#[async_trait]
pub trait TrainPort: Send + Sync {
    /// One train.
    async fn train(&self, actor: &Actor, environment: &str, number: i64) -> Result<TrainView, ApiError>;
    /// Trains that wait for approvals, those the reader can approve first.
    async fn waiting_for_approval(&self, actor: &Actor) -> Result<Vec<ApprovalRequest>, ApiError>;
    /// Fixes the content and makes the manifest.
    async fn seal(&self, actor: &Actor, train: &str, revision: i64) -> Result<(), ApiError>;
    /// Opens a sealed train again; its approvals become void.
    async fn reopen(&self, actor: &Actor, train: &str, revision: i64, reason: &str) -> Result<(), ApiError>;
    /// Consents to exactly this manifest.
    async fn approve(
        &self,
        actor: &Actor,
        train: &str,
        manifest: &str,
        comment: Option<&str>,
    ) -> Result<(), ApiError>;
    /// Refuses this manifest; a reason is needed.
    async fn reject(&self, actor: &Actor, train: &str, manifest: &str, reason: &str) -> Result<(), ApiError>;
    /// Lets it depart, if every gate passes.
    async fn depart(&self, actor: &Actor, train: &str, manifest: &str) -> Result<(), ApiError>;
    /// Holds it where it is; what is under way finishes, nothing else starts.
    async fn hold(&self, actor: &Actor, train: &str, reason: &str) -> Result<(), ApiError>;
    /// Releases a hold.
    async fn release(&self, actor: &Actor, train: &str) -> Result<(), ApiError>;
    /// Gives it up before departure.
    async fn cancel(&self, actor: &Actor, train: &str, revision: i64, reason: &str) -> Result<(), ApiError>;
}
