//! `yardmaster demo`: the whole product against a world of its own. The product's own code runs as in production: it
//! talks to the demo's AWS, forge and identity provider over their wire protocols.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use sim::world::{World, WorldOptions};

use super::serve::{listen, until_told};
use crate::config::Config;
use crate::demo;
use crate::program::{self, Program};
use crate::{auth, policy};

#[derive(Args)]
pub(super) struct Demo {
    /// Where to listen; loopback only. The demo's AWS, identity provider and forge take the three ports after it.
    #[arg(long, default_value = "127.0.0.1:3000")]
    addr: SocketAddr,
    /// Where the demo keeps its database and repositories.
    #[arg(long, default_value = ".yardmaster/demo")]
    data: PathBuf,
    /// How many times faster than in life the demo's CI builds and its ECS rolls out.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    speed: u32,
    /// The demo's past and its people's acts are drawn from this number. The past ends at the last midnight (UTC), so
    /// that commit ids, digests and train numbers are the same for one number and one day of the first start.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leaves the simulated developers out: nothing is pushed but what you push.
    #[arg(long)]
    quiet: bool,
}

pub(super) async fn run(demo: Demo) -> Result<()> {
    super::start_log();
    if !demo.addr.ip().is_loopback() {
        bail!(
            "--addr {}: the demo has known secrets and listens on loopback only, for example 127.0.0.1:3000",
            demo.addr
        );
    }
    std::fs::create_dir_all(&demo.data)
        .with_context(|| format!("--data: cannot make the folder {}", demo.data.display()))?;
    let data = demo.data.canonicalize()?;
    let listener = listen(&demo.addr.to_string()).await?;
    let address = listener.local_addr()?;
    let url = format!("http://{address}");
    let mut options = WorldOptions::new(data.join("world"), &url);
    options.speed = demo.speed;
    options.seed = demo.seed;
    options.autoplay = !demo.quiet;
    if demo.addr.port() != 0 {
        let beside = |step| SocketAddr::new(demo.addr.ip(), demo.addr.port().saturating_add(step));
        (
            options.aws_address,
            options.identity_address,
            options.forge_address,
        ) = (beside(1), beside(2), beside(3));
    }
    let (webhook_secret, client_secret) = (options.webhook_secret.clone(), options.client_secret.clone());
    let world = World::start(options)
        .await
        .context("the demo world does not start")?;
    let config = Config::parse(&demo::config(&demo::Addresses {
        public: &url,
        data: &data,
        aws: &world.aws_url,
        issuer: &world.issuer_url,
        git: &data.join("world/git"),
        webhook_secret: &webhook_secret,
        client_secret: &client_secret,
        speed: demo.speed,
    }))?;
    let db = program::open(&config).await?;
    policy::apply(&db, &auth::system(), demo::POLICY).await?;
    let program = Program::new(db, config, Some(world.forge_url.clone()))?;
    demo::remember(
        &program,
        &world.history(),
        &world.issuer_url,
        &data.join("world/git"),
    )
    .await
    .context("the demo's past cannot be written")?;
    println!("{}", demo::welcome(&url, &world.forge_url));
    let served = program.serve(listener, until_told()?).await;
    world.shutdown().await;
    served
}
