//! An environment and its line.

#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::EnvironmentPort;
pub use types::*;
