//! Who did what, when and why, for ever.

mod api;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::AuditPort;
pub use api::*;
pub use page::AuditPage;
pub use types::*;
