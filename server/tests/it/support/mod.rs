

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
