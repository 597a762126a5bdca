//! Environments and their lines, as pages ask for them.

mod binding;
mod pages;
mod policy_lines;
mod soaking;

pub use binding::{Astray, astray};
pub use pages::Environments;
