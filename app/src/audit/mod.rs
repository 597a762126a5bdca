//! Who did what, when and why, for ever.

mod api;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod types;

pub use api::*;
pub use page::AuditPage;
#[cfg(feature = "ssr")]
pub use port::AuditPort;
pub use types::*;
