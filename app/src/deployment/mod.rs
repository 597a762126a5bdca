//! One attempt to make one slot run one image, and a person's rollback.

pub mod api;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::DeploymentPort;
pub use types::*;
