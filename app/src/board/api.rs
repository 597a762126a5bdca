//! The board's server function.
#![expect(
    missing_docs,
    reason = "the fields that the macro makes are the arguments, and their function says what they are"
)]

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::ImageLabel;
use super::{Board, BoardFilter};
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// The board for this reader.
#[server(name = LoadBoard, prefix = "/ui", endpoint = "board/board")]
pub async fn load_board(#[server(default)] filter: BoardFilter) -> Result<Board, ApiError> {
    answer(
        backend()?
            .board
            .board(&actor()?, filter)
            .await
            .map(without_weight),
    )
}

/// A board names a thousand images. What only a slot's own page shows of them would be most of the bytes sent.
#[cfg(feature = "ssr")]
fn without_weight(mut board: Board) -> Board {
    let lighten = |image: &mut ImageLabel| {
        image.digest = crate::ui::short_digest(&image.digest);
        image.commit = None;
        image.branch = None;
        image.subject = None;
    };
    for cell in board
        .rows
        .iter_mut()
        .flat_map(|row| row.cells.iter_mut().flatten())
    {
        cell.image.iter_mut().for_each(lighten);
        cell.in_flight
            .iter_mut()
            .for_each(|flight| lighten(&mut flight.image));
        cell.next.iter_mut().for_each(|next| lighten(&mut next.image));
    }
    board
}
