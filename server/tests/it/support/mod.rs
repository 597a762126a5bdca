//! What tests share: databases of both kinds, a clock that is driven, people to act as, repositories, webhooks.

pub mod cloud;
pub mod line;
pub mod repository;
pub mod rollout;
pub mod store;
pub mod webhook;
