//! Who did what, when and why, for ever.

#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::AuditPort;
pub use types::*;
