//! Delivery numbers for managers.

#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::MetricPort;
pub use types::*;
