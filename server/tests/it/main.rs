//! Everything that needs a database, a socket or another process, in one binary. Modules mirror the program's nouns.

mod access;
mod build;
mod db;
mod git;
mod headers;
mod inbox;
mod login;
mod session;
mod support;
mod workspace;
