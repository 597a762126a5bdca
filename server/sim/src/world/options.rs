//! How a world is started: where it listens and keeps its data, how fast it runs, and with which secrets.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// 2026-06-10 09:00 UTC, a Wednesday: when driven worlds begin unless told otherwise.
const DRIVEN_START: i64 = 1_781_082_000_000;

/// How to start a world.
#[derive(Clone)]
pub struct WorldOptions {
    /// Where its repositories and records are kept.
    pub data: PathBuf,
    /// Where Yardmaster is reached; see [`super::World::set_yardmaster`] when that is known later.
    pub yardmaster_url: String,
    /// How many times shorter everything lasts, when the clock runs by itself.
    pub speed: u32,
    /// What everything random is drawn from.
    pub seed: u64,
    /// Whether time only moves when it is told to.
    pub driven: bool,
    /// When a driven world begins, in milliseconds since 1970.
    pub start_millis: i64,
    /// Whether simulated developers push by themselves.
    pub autoplay: bool,
    /// Where AWS listens; port 0 picks one.
    pub aws_address: SocketAddr,
    /// Where the identity provider listens.
    pub identity_address: SocketAddr,
    /// Where the forge's page listens.
    pub forge_address: SocketAddr,
    /// What signs webhooks.
    pub webhook_secret: String,
    /// How Yardmaster calls itself at the identity provider.
    pub client_id: String,
    /// Yardmaster's secret there.
    pub client_secret: String,
    /// Paths below `yardmaster_url` to which logins may return.
    pub callback_paths: Vec<String>,
    /// Where AWS's ledger is kept, if not only in memory.
    pub ledger: Option<PathBuf>,
}

impl WorldOptions {
    /// A world that runs by itself at real speed, on ports of its own choice.
    pub fn new(data: impl Into<PathBuf>, yardmaster_url: &str) -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            data: data.into(),
            yardmaster_url: yardmaster_url.to_owned(),
            speed: 1,
            seed: 1,
            driven: false,
            start_millis: DRIVEN_START,
            autoplay: false,
            aws_address: anywhere,
            identity_address: anywhere,
            forge_address: anywhere,
            webhook_secret: "demo-webhook-secret".to_owned(),
            client_id: "yardmaster".to_owned(),
            client_secret: "demo-client-secret".to_owned(),
            callback_paths: vec!["/auth/callback/acme".to_owned(), "/auth/callback".to_owned()],
            ledger: None,
        }
    }

    /// The same world with a clock that only tests move.
    pub fn driven(mut self) -> Self {
        self.driven = true;
        self
    }
}

impl fmt::Debug for WorldOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the secrets.
        formatter
            .debug_struct("WorldOptions")
            .field("data", &self.data)
            .field("yardmaster_url", &self.yardmaster_url)
            .field("speed", &self.speed)
            .field("seed", &self.seed)
            .field("driven", &self.driven)
            .finish_non_exhaustive()
    }
}
