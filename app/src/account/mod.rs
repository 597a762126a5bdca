//! Who is here: the logged-in person, their rights and sessions, and the people behind commits.

#[cfg(feature = "ssr")]
mod port;
mod types;

#[cfg(feature = "ssr")]
pub use port::AccountPort;
pub use types::*;
