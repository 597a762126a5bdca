//! An environment and its line.

pub mod api;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::EnvironmentPort;
pub use types::*;
