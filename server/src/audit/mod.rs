//! Who did what, when and why: append-only, written in the transaction of the change itself, each entry sealed with
//! an HMAC over the entry before it. The key stands outside the database, so that somebody who can edit the tables
//! cannot make a chain that verifies; exported heads (checkpoints) catch somebody who has the key as well, and whoever
//! cuts off the newest entries.

mod chain;
mod checkpoint;
mod service;
mod verify;

pub use chain::{AuditKey, Entry, append};
pub use checkpoint::{Head, export_head};
pub use service::Audits;
pub use verify::{Report, verify};
