//! What pages ask about people.

use async_trait::async_trait;

use super::{Actor, LoginProvider, Me, People, SessionView};
use crate::error::ApiError;

/// Accounts, sessions and the people behind commits.
#[async_trait]
pub trait AccountPort: Send + Sync {
    /// The logged-in person.
    async fn me(&self, actor: &Actor) -> Result<Me, ApiError>;
    /// Ways to log in; needs no actor.
    async fn providers(&self) -> Result<Vec<LoginProvider>, ApiError>;
    /// The person's live sessions, newest first. `current` is the id of the asking session.
    async fn sessions(&self, actor: &Actor) -> Result<Vec<SessionView>, ApiError>;
    /// Ends one of the person's own sessions.
    async fn revoke(&self, actor: &Actor, session: &str) -> Result<(), ApiError>;
    /// Authors matched to nobody, and people they can be mapped to.
    async fn people(&self, actor: &Actor) -> Result<People, ApiError>;
    /// Says that a commit identity is a certain person.
    async fn map_author(&self, actor: &Actor, identity: &str, user: &str) -> Result<(), ApiError>;
}
