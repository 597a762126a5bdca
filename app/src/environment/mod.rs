//! An environment and its line.

mod api;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod types;

pub use api::*;
pub use page::EnvironmentPage;
#[cfg(feature = "ssr")]
pub use port::EnvironmentPort;
pub use types::*;
