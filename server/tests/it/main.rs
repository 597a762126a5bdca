//! Everything that needs a database, a socket or another process, in one binary. Modules mirror the program's nouns.

mod access;
mod db;
mod headers;
mod login;
mod session;
mod support;
