//! Everything that needs a database, a socket or another process, in one binary. Modules mirror the program's nouns.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests and what they share fail by panicking"
)]

mod build;
mod db;
mod git;
mod inbox;
mod support;
