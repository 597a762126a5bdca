//! The board: every service in every environment, and what needs the reader.

#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::BoardPort;
pub use types::*;
