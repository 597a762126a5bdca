//! Everything that knows a database, AWS, a forge or a clock.
//!
//! ```text
//! forge/CI ── webhook ─► inbox (verify raw bytes, dedupe, store, 202) ─► apply ─┐
//! git mirror, ECR, ECS, CloudWatch ── sync ────────────────────────────────────┤ facts
//!                                                                               ▼
//!                                                     store (db)  ◄── actions of people (auth, audit in the same tx)
//!                                                                               │
//!                              train tick: plan(facts, policy, now) → cars, verdicts, departures
//!                                                                               │
//!                              deployment tick: observe ECS → next step → one effect → journal
//!                                                                               │
//!                                         events(seq) ─► SSE {topic, id} ─► the page asks again
//! ```

pub mod account;
pub mod approval;
pub mod audit;
pub mod auth;
pub mod aws;
pub mod board;
pub mod build;
pub mod clock;
pub mod command;
pub mod config;
pub mod crypto;
pub mod db;
#[cfg(feature = "demo")]
pub mod demo;
pub mod deployment;
pub mod environment;
pub mod error;
pub mod failpoint;
pub mod forge;
pub mod gate;
pub mod git;
pub mod http;
pub mod image;
pub mod inbox;
pub mod metric;
pub mod policy;
pub mod program;
pub mod pull_request;
pub mod service;
pub mod sync;
mod tick;
pub mod train;
