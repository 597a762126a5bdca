//! Approvals: a person's consent to one manifest under one policy revision.
//!
//! `store` keeps them, `authors` finds whose work a train carries, `consent` counts those that do count: for the gate,
//! for the page, in the transaction that departs. [`still_valid`] is asked by the deployment engine before its first
//! call.

mod authors;
mod consent;
mod give;
mod people;
mod recheck;
mod store;
mod waiting;

pub use authors::{Authors, authors};
pub use consent::{Asked, Consent, Inputs, consent, role};
pub use give::{approve, reject};
pub use people::People;
pub use recheck::still_valid;
pub use store::{Approval, of_train};
pub use waiting::{requests, unmatched_authors, waiting_for};
