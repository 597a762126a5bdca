//! `sim serve`: the demo world as a process of its own, for crash tests and for checks from other languages.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde_json::json;
use sim::world::{World, WorldOptions};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(name = "sim", about = "Yardmaster's demo world", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves AWS, a forge with its CI and an identity provider until it is told to end.
    Serve(Serve),
}

#[derive(Parser)]
struct Serve {
    /// Where repositories and records are kept.
    #[arg(long)]
    data: PathBuf,
    /// Where AWS listens; port 0 picks one.
    #[arg(long, default_value_t = anywhere())]
    addr_aws: SocketAddr,
    /// Where the identity provider listens.
    #[arg(long, default_value_t = anywhere())]
    addr_identity: SocketAddr,
    /// Where the forge listens.
    #[arg(long, default_value_t = anywhere())]
    addr_forge: SocketAddr,
    /// Where Yardmaster is: webhooks go there, logins return there.
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    yardmaster_url: String,
    /// Keeps the list of changes to AWS in this file.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// How many times shorter everything lasts.
    #[arg(long, default_value_t = 1)]
    speed: u32,
    /// What everything random is drawn from; the past also depends on the day of the first start, at whose midnight (UTC) it ends.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Time only moves when `POST /_sim/advance` says so.
    #[arg(long)]
    driven: bool,
    /// Simulated developers push by themselves.
    #[arg(long)]
    autoplay: bool,
    /// What signs webhooks.
    #[arg(long, env = "SIM_WEBHOOK_SECRET")]
    webhook_secret: Option<String>,
    /// Yardmaster's secret at the identity provider.
    #[arg(long, env = "SIM_CLIENT_SECRET")]
    client_secret: Option<String>,
    /// A path at Yardmaster to which logins may return, beside the usual ones.
    #[arg(long)]
    callback_path: Vec<String>,
}

fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .init();
    let Command::Serve(arguments) = Arguments::parse().command;
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line for a person; a backtrace would bury it.
            eprintln!("sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Serve) -> Result<()> {
    // Before the line that says we are up, so that nobody can be too early.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut options = WorldOptions {
        speed: arguments.speed,
        seed: arguments.seed,
        driven: arguments.driven,
        autoplay: arguments.autoplay,
        aws_address: arguments.addr_aws,
        identity_address: arguments.addr_identity,
        forge_address: arguments.addr_forge,
        ledger: arguments.ledger,
        ..WorldOptions::new(arguments.data, &arguments.yardmaster_url)
    };
    if let Some(secret) = arguments.webhook_secret {
        options.webhook_secret = secret;
    }
    if let Some(secret) = arguments.client_secret {
        options.client_secret = secret;
    }
    for path in arguments.callback_path {
        options.callback_paths.push(path);
    }
    let world = World::start(options).await?;
    println!(
        "{}",
        json!({ "aws": world.aws_url, "issuer": world.issuer_url, "forge": world.forge_url })
    );
    tokio::select! {
        _ = terminate.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    world.shutdown().await;
    Ok(())
}
