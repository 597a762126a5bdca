//! Approvals: a person's consent to one manifest under one policy revision.
//!
//! `store` keeps them, `authors` finds who may not give them, `judge` counts those that do count: for the gate, for
//! the page, in the transaction that departs. [`still_valid`] is asked by the deployment engine before its first call.

mod store;

pub use store::{Approval, of_train, still_valid};
