//! Delivery numbers for managers.

mod api;
mod chart;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::MetricPort;
pub use api::*;
pub use page::MetricsPage;
pub use types::*;
