//! Environments and their lines, as pages ask for them.

mod pages;
mod policy_lines;
mod soaking;

pub use pages::Environments;
