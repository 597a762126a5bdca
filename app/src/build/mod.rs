//! CI runs, and the webhook deliveries that told of them.

pub mod api;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::BuildPort;
pub use types::*;
