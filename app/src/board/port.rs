//! What the board page asks.

use async_trait::async_trait;

use super::{Board, BoardFilter};
use crate::account::Actor;
use crate::error::ApiError;

/// The matrix.
#[async_trait]
pub trait BoardPort: Send + Sync {
    /// The board for this reader.
    async fn board(&self, actor: &Actor, filter: BoardFilter) -> Result<Board, ApiError>;
}
