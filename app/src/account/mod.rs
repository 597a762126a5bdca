//! Who is here: the logged-in person, their rights and sessions, and the people behind commits.

mod api;
mod login;
mod people;
#[cfg(feature = "ssr")]
mod port;
mod sessions;
mod types;

pub use api::*;
pub use login::LoginPage;
pub use people::PeoplePage;
#[cfg(feature = "ssr")]
pub use port::AccountPort;
pub use sessions::SessionsPage;
pub use types::*;
