//! An environment and its line.

mod api;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::EnvironmentPort;
pub use api::*;
pub use page::EnvironmentPage;
pub use types::*;
