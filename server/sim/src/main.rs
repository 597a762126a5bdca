//! `sim serve`: the demo world as a process of its own, for crash tests and for checks from other languages.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

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
    /// What everything random is drawn from.
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
}

fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .init();
    let Command::Serve(serve) = Arguments::parse().command;
    // Before the line that says we are up, so that nobody can be too early.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut options = WorldOptions {
        speed: serve.speed,
        seed: serve.seed,
        driven: serve.driven,
        autoplay: serve.autoplay,
        aws_address: serve.addr_aws,
        identity_address: serve.addr_identity,
        forge_address: serve.addr_forge,
        ledger: serve.ledger,
        ..WorldOptions::new(serve.data, &serve.yardmaster_url)
    };
    if let Some(secret) = serve.webhook_secret {
        options.webhook_secret = secret;
    }
    if let Some(secret) = serve.client_secret {
        options.client_secret = secret;
    }
    let world = World::start(options).await?;
    let urls = json!({ "aws": world.aws_url, "issuer": world.issuer_url, "forge": world.forge_url });
    #[expect(clippy::print_stdout, reason = "the one line that a caller reads")]
    {
        println!("{urls}");
    }
    tokio::select! {
        _ = terminate.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    world.shutdown().await;
    Ok(())
}
