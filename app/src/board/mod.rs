//! The board: every service in every environment, and what needs the reader.

mod api;
mod cell;
mod filter;
mod needs;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod types;

pub use api::*;
pub use cell::Cell;
pub use page::BoardPage;
#[cfg(feature = "ssr")]
pub use port::BoardPort;
pub use types::*;
