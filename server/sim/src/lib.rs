//! The demo world and the double for tests: AWS, a forge, a CI and an identity provider on loopback.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod html;
pub mod http;
pub mod identity;
pub mod persona;
