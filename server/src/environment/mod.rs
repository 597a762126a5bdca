//! Environments and their lines, as pages ask for them.

mod pages;
mod policy_lines;

pub use pages::Environments;
