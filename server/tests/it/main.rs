//! Everything that needs a database, a socket or another process, in one binary. Modules mirror the program's nouns.

mod access;
mod approval;
mod audit;
mod aws;
mod board;
mod build;
mod crash;
mod db;
mod deployment;
mod git;
mod hammer;
mod headers;
mod inbox;
mod login;
mod metric;
mod service;
mod session;
mod support;
mod sync;
mod train;
mod workspace;
