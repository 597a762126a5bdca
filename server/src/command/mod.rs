//! `yardmaster serve | demo | migrate | config check | policy … | audit verify | user grant`: one file a command.

mod audit;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod policy;
mod serve;
mod user;

use std::path::PathBuf;

use anyhow::Result;
use app::account::Actor;
use clap::{Args, Parser, Subcommand};

use crate::config::Config;

/// Release trains for Amazon ECS.
#[derive(Parser)]
#[command(
    name = "yardmaster",
    version,
    about = "Release trains for Amazon ECS: what runs where, what goes next, who must agree"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs Yardmaster.
    Serve(ConfigFile),
    /// Runs Yardmaster in a demo world of its own: no AWS, no accounts needed.
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// Brings the database's schema up to date.
    Migrate(ConfigFile),
    /// Looks at the configuration.
    Config {
        #[command(subcommand)]
        verb: config::Verb,
    },
    /// Applies and exports policy.
    Policy {
        #[command(subcommand)]
        verb: policy::Verb,
    },
    /// Checks the audit.
    Audit {
        #[command(subcommand)]
        verb: audit::Verb,
    },
    /// Gives people roles.
    User {
        #[command(subcommand)]
        verb: user::Verb,
    },
}

/// Where the configuration is.
#[derive(Args, Clone)]
pub struct ConfigFile {
    /// The configuration, a TOML file; `YARDMASTER__SECTION__KEY` variables go over it.
    #[arg(long, env = "YARDMASTER_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn load(&self) -> Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }
}

/// Whoever runs a command, as the audit names them: "root at the command line". They may do everything: who can read
/// the keys can.
fn operator() -> Actor {
    let said = std::process::Command::new("id").arg("-un").output();
    let name = said
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "somebody".to_owned());
    Actor {
        name: format!("{name} at the command line"),
        ..crate::auth::system()
    }
}

/// Runs a command.
///
/// # Errors
/// One message for the person at the terminal.
pub async fn run(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Serve(file) => serve::run(file.load()?).await,
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo::run(demo).await,
        Command::Migrate(file) => {
            let db = crate::program::open(&file.load()?).await?;
            println!("the schema is up to date");
            db.close().await;
            Ok(())
        }
        Command::Config { verb } => config::run(verb),
        Command::Policy { verb } => policy::run(verb).await,
        Command::Audit { verb } => audit::run(verb).await,
        Command::User { verb } => user::run(verb).await,
    }
}

/// Starts the log: to standard error, as text for people or, with `YARDMASTER_LOG_FORMAT=json`, one object a line.
fn start_log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("YARDMASTER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let json = std::env::var("YARDMASTER_LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second start in the same process (tests) keeps the first log.
    let _ = if json {
        log.json().try_init()
    } else {
        log.with_target(false).try_init()
    };
}
