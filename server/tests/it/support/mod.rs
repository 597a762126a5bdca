

pub mod cloud;
pub mod repository;
pub mod store;
pub mod webhook;
