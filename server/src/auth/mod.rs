//! Who is here and what they may do: log-in through OpenID providers ([`login`], [`oidc`]), groups to roles, and the
//! permission matrix ([`permission`]) that every service function asks with its actor.

pub mod login;
mod oidc;
mod permission;
mod return_to;

pub use permission::{Place, holds, matrix, may, may_somewhere, one_team, require, require_view, system};
pub use return_to::safe_path;
