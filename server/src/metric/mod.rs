//! Delivery numbers, made from deployments and commits when they are asked for: nothing is counted twice in two
//! places, and what is not known is said to be not known.

mod count;
mod pages;

pub use count::{Commit, Deployment, Outcome, Repository, measure};
pub use pages::Metrics;
