//! CI runs, and the webhook deliveries that told of them.

mod api;
mod deliveries;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod row;
mod stages;
mod types;

pub use api::*;
pub use deliveries::DeliveriesPage;
pub use page::BuildsPage;
#[cfg(feature = "ssr")]
pub use port::BuildPort;
pub use types::*;
