//! People: made at their first log-in, known by issuer and subject, given roles by their groups (policy) and by hand.

mod pages;
mod store;

pub use pages::{Accounts, described};
pub use store::{Identity, LoggedIn, SESSION_KEY, actor_of, grant, log_in, log_out, people_with_rights};
