//! The demo world seen from outside: over HTTP, through Git and by its history.

mod forge;
mod history;
mod identity;
mod receiver;
