//! Who did what, when and why, for ever.

pub mod api;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::AuditPort;
pub use types::*;
