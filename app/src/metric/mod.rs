//! Delivery numbers for managers.

pub mod api;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::MetricPort;
pub use types::*;
