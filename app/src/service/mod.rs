//! One deployable, its slots, and ECS services that belong to none yet.

mod api;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod slot;
mod tasks;
mod types;
mod unmapped;

pub use api::*;
pub use page::ServicePage;
#[cfg(feature = "ssr")]
pub use port::ServicePort;
pub use types::*;
pub use unmapped::UnmappedPage;
