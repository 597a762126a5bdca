//! What tests share: databases of both kinds, a clock that is driven, people to act as, repositories, webhooks.

pub mod repository;
pub mod store;
pub mod webhook;
