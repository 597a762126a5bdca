//! The board's server function.
#![expect(
    missing_docs,
    reason = "the fields that the macro makes are the arguments, and their function says what they are"
)]

use leptos::prelude::*;
use server_fn::codec::Json;

use super::{Board, BoardFilter};
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// The board for this reader.
#[server(name = LoadBoard, prefix = "/ui", endpoint = "board/board", input = Json)]
pub async fn load_board(filter: BoardFilter) -> Result<Board, ApiError> {
    answer(backend()?.board.board(&actor()?, filter).await)
}
