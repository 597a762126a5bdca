//! What tests share: databases of both kinds, a clock that is driven, people to act as, a simulated AWS, browsers,
//! providers, repositories, webhooks.

pub mod backend;
pub mod browser;
pub mod cloud;
pub mod house;
pub mod line;
pub mod log;
pub mod node;
pub mod repository;
pub mod rollout;
pub mod store;
pub mod webhook;
