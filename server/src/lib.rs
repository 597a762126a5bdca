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
pub mod audit;
pub mod auth;
pub mod aws;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod db;
pub mod deployment;
pub mod error;
pub mod failpoint;
pub mod http;
pub mod image;
pub mod policy;
pub mod service;
