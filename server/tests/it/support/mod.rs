

pub mod cloud;
pub mod line;
pub mod repository;
pub mod rollout;
pub mod store;
pub mod webhook;
