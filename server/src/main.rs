//! The command line.

use std::process::ExitCode;

use clap::Parser;

// Two at least: with one worker, a page that waits for data can keep the data from being read.
#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> ExitCode {
    match server::command::run(server::command::Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("yardmaster: {cause:#}");
            ExitCode::FAILURE
        }
    }
}
