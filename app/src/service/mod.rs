//! One deployable, its slots, and ECS services that belong to none yet.

#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::ServicePort;
pub use types::*;
