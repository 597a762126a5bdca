//! Everything that needs a database, a socket or another process, in one binary. Modules mirror the program's nouns.

mod aws;
mod board;
mod db;
mod service;
mod support;
mod sync;
