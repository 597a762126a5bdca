//! Delivery numbers for managers.

mod api;
mod chart;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod types;

pub use api::*;
pub use page::MetricsPage;
#[cfg(feature = "ssr")]
pub use port::MetricPort;
pub use types::*;
