//! Policy: what is bound to what, and who may let it go. It lives in the database as numbered revisions; TOML is how
//! it comes in and goes out. Everything that decides (mapping, train tick, gates, approvals) reads the newest revision.

mod check;
mod document;
mod groups;
mod store;

pub use document::{Approvals, Environment, Policy, PolicyError, Service, Source, matches};
pub use store::{Revision, apply, at, current, export};
