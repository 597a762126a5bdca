//! One attempt to make one slot run one image, and a person's rollback.

mod actions;
mod api;
mod diagnosis;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod rollback;
mod steps;
mod tasks;
mod types;

pub use api::*;
pub(crate) use diagnosis::DiagnosisBox;
pub use page::DeploymentPage;
#[cfg(feature = "ssr")]
pub use port::DeploymentPort;
pub use rollback::RollbackPage;
pub use types::*;
