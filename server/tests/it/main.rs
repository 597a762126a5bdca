//! Everything that needs a database, a socket or another process, in one binary. Modules mirror the program's nouns.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says where by panicking"
)]

mod access;
mod approval;
mod audit;
mod aws;
mod board;
mod build;
mod config;
mod crash;
mod db;
#[cfg(feature = "demo")]
mod demo;
mod deployment;
mod git;
mod hammer;
mod headers;
mod inbox;
mod journey;
mod login;
mod metric;
mod migration;
mod policy;
mod pull_request;
mod service;
mod session;
mod support;
mod sync;
mod train;
mod workspace;
