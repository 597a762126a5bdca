//! Trains: cars that leave together, what they wait for, and who agrees.

mod actions;
mod api;
mod approvals;
mod cars;
mod gates;
mod page;
#[cfg(feature = "ssr")]
mod port;
mod requests;
mod types;

pub use api::*;
pub use page::TrainPage;
#[cfg(feature = "ssr")]
pub use port::TrainPort;
pub use requests::ApprovalsPage;
pub use types::*;
