//! CI runs, and the webhook deliveries that told of them.

mod api;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::BuildPort;
pub use api::*;
pub use page::BuildsPage;
pub use types::*;
