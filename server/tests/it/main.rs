//! Everything that needs a database, a socket or another process, in one binary. Modules mirror the program's nouns.

mod audit;
mod aws;
mod board;
mod build;
mod crash;
mod db;
mod deployment;
mod git;
mod inbox;
mod service;
mod support;
mod sync;
