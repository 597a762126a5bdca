//! Trains: cars that leave together, what they wait for, and who agrees.

pub mod api;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::TrainPort;
pub use types::*;
