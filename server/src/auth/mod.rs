//! Who may do what. The matrix stands in [`permission`]; every service function asks it with its actor.

mod permission;

pub use permission::{Place, may, require, require_view, system};
