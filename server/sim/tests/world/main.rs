//! The demo world seen from outside: over HTTP, through Git and by its history.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what a test cannot go on without shall stop it"
)]

mod forge;
mod history;
mod identity;
mod program;
mod receiver;
mod release;
