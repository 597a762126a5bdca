//! Everything that needs a database, a socket or another process, in one binary. Modules mirror the program's nouns.

mod aws;
mod board;
mod build;
mod db;
mod git;
mod inbox;
mod service;
mod support;
mod sync;
