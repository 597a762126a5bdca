//! What tests share: databases of both kinds, a clock that is driven, people to act as, repositories, webhooks, the edge
//! and browsers for it.

pub mod backend;
pub mod browser;
pub mod house;
pub mod log;
pub mod node;
pub mod repository;
pub mod store;
pub mod webhook;
