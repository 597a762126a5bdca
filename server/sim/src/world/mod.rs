//! The whole demo world: starts its parts, seeds them with one consistent past, and holds them together.
//!
//! ```text
//!  developers ─► forge (git) ─► ci ─► images in aws        identity (who is who)
//!                    └───── signed webhooks ─────► Yardmaster ◄──────┘
//! ```

pub mod catalogue;
mod departures;
mod developers;
mod fleet;
pub mod history;
mod journal;
mod memory;
mod options;
mod page;
mod seed;
pub mod story;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinHandle;

use crate::aws::{Aws, control};
use crate::ci::Ci;
use crate::clock::SimClock;
use crate::forge::webhook::Webhooks;
use crate::forge::{Forge, Pushed};
use crate::http::{self, Server};
use crate::identity::{Client, Identity};
use crate::ledger::Ledger;
pub use developers::Developers;
pub use history::History;
use journal::{Beginning, Journal, registry, store};
use memory::Memory;
pub use options::WorldOptions;

/// The file that says how the world began.
const RECORD: &str = "world.json";
/// The file that says what was deployed since.
const MEMORY: &str = "fleet.json";
/// The file that lists the images built since.
const IMAGES: &str = "images.jsonl";

/// A running world. Dropping it ends it.
#[derive(Debug)]
pub struct World {
    /// The endpoint of all AWS services.
    pub aws_url: String,
    /// The OpenID issuer.
    pub issuer_url: String,
    /// The forge's page.
    pub forge_url: String,
    /// AWS itself, to disturb and to look at.
    pub aws: Arc<Aws>,
    /// The clock of everything.
    pub clock: SimClock,
    /// What was changed in AWS.
    pub ledger: Ledger,
    /// The forge.
    pub forge: Arc<Forge>,
    /// The CI.
    pub ci: Arc<Ci>,
    history: Arc<History>,
    callback_paths: Vec<String>,
    developers: Arc<Developers>,
    identity: Option<Identity>,
    servers: Vec<Server>,
    memory: PathBuf,
    tasks: Vec<JoinHandle<()>>,
}

impl World {
    /// Starts and seeds a world, or goes on with the one in the data directory.
    pub async fn start(options: WorldOptions) -> Result<Self> {
        let clock = if options.driven {
            SimClock::driven(options.start_millis)
        } else {
            SimClock::running(options.speed)
        };
        let ledger = match &options.ledger {
            Some(path) => {
                Ledger::at(path).with_context(|| format!("cannot use the ledger {}", path.display()))?
            }
            None => Ledger::in_memory(),
        };
        let aws = Aws::new(clock.clone(), ledger.clone(), options.seed);
        let aws_listener = http::bind(options.aws_address).await?;
        let forge_listener = http::bind(options.forge_address).await?;
        let forge_url = http::url_of(&forge_listener)?;
        let webhooks = Webhooks::start(&options.yardmaster_url, &options.webhook_secret)?;
        let forge = Arc::new(Forge::new(&options.data.join("git"), &forge_url, webhooks)?);

        let (journal, entries) = Journal::open(options.data.join(IMAGES))?;
        // Before the services: what they run may have been built since.
        for entry in &entries {
            store(&aws, entry);
        }
        let history = past(&options, &clock, &forge, &aws).await?;
        let mut numbers = BTreeMap::new();
        let built = history.builds.iter().map(|build| (&build.service, build.number));
        for (service, number) in built.chain(entries.iter().map(|entry| (&entry.service, entry.number))) {
            let last: &mut u64 = numbers.entry(service.clone()).or_default();
            *last = number.max(*last);
        }
        // Later than all ids of the past, and than those of an earlier start.
        let first_run = (clock.now_millis() / 1000).unsigned_abs();
        let registry = registry(Arc::clone(&aws), journal);
        let ci = Arc::new(Ci::new(
            clock.clone(),
            Arc::clone(&forge),
            registry,
            first_run,
            numbers,
        ));
        let developers = Arc::new(Developers {
            clock: clock.clone(),
            forge: Arc::clone(&forge),
            ci: Arc::clone(&ci),
        });

        let redirect = |path: &String| format!("{}{path}", options.yardmaster_url.trim_end_matches('/'));
        let client = Client {
            id: options.client_id,
            secret: options.client_secret,
            redirect_uris: options.callback_paths.iter().map(redirect).collect(),
        };
        let time = clock.clone();
        let identity = Identity::start(
            options.identity_address,
            client,
            Arc::new(move || time.now_millis()),
        )
        .await?;
        let aws_router = Arc::clone(&aws).router().merge(control::router(Arc::clone(&aws)));
        let aws_server = Server::start(aws_listener, aws_router)?;
        let forge_server = Server::start(forge_listener, page::router(Arc::clone(&developers)))?;

        let mut tasks = vec![tokio::spawn(keep_ticking(clock.clone(), Arc::clone(&ci)))];
        let memory = options.data.join(MEMORY);
        // A driven world belongs to a test, which may count calls: there the end must do.
        if !options.driven {
            tasks.push(tokio::spawn(memory::keep(Arc::clone(&aws), memory.clone())));
        }
        if options.autoplay {
            tasks.push(tokio::spawn(Arc::clone(&developers).work(options.seed)));
        }
        Ok(Self {
            aws_url: aws_server.url(),
            issuer_url: identity.issuer().to_owned(),
            forge_url,
            aws,
            clock,
            ledger,
            forge,
            ci,
            history: Arc::new(history),
            callback_paths: options.callback_paths,
            developers,
            identity: Some(identity),
            servers: vec![aws_server, forge_server],
            memory,
            tasks,
        })
    }

    /// What happened before the world was started.
    pub fn history(&self) -> Arc<History> {
        Arc::clone(&self.history)
    }

    /// Commits to a branch of a service's repository and has it built. `author` is a login.
    pub async fn push(&self, service: &str, branch: &str, author: &str, message: &str) -> Result<Pushed> {
        self.developers.push(service, branch, author, message).await
    }

    /// Says where Yardmaster is, when it has picked its port after the world began.
    pub fn set_yardmaster(&self, url: &str) {
        self.forge.webhooks().set_yardmaster(url);
        for path in &self.callback_paths {
            self.allow_redirect(&format!("{}{path}", url.trim_end_matches('/')));
        }
    }

    /// Lets a login return to one more address.
    pub fn allow_redirect(&self, uri: &str) {
        if let Some(identity) = &self.identity {
            identity.allow_redirect(uri);
        }
    }

    /// Moves a driven clock, does what became due in the CI and waits until its webhooks were delivered.
    pub async fn advance(&self, by: Duration) -> Result<()> {
        self.clock.advance(by);
        self.ci.tick().await?;
        self.forge.webhooks().flushed().await;
        Ok(())
    }

    /// Ends everything and waits until all ports are free.
    pub async fn shutdown(mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for server in std::mem::take(&mut self.servers) {
            server.stop().await;
        }
        if let Some(identity) = self.identity.take() {
            identity.stop().await;
        }
        if let Err(error) = Memory::of(&self.aws).and_then(|memory| memory.write(&self.memory)) {
            tracing::warn!(%error, "the demo will forget what was deployed");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Reads or makes the past.
async fn past(options: &WorldOptions, clock: &SimClock, forge: &Forge, aws: &Aws) -> Result<History> {
    let record = options.data.join(RECORD);
    let seed = options.seed;
    let memory = Memory::read(&options.data.join(MEMORY))?;
    if let Some(beginning) = Beginning::read(&record, seed)? {
        for service in catalogue::SERVICES {
            forge.open(service.name).await?;
        }
        let story = story::tell(seed, beginning.until);
        return seed::fill(aws, seed, beginning.until, &story, &beginning.commits, &memory);
    }
    let until = seed::midnight(clock.now_millis());
    let story = story::tell(seed, until);
    let commits = seed::commits(forge, &story).await?;
    let history = seed::fill(aws, seed, until, &story, &commits, &memory)?;
    Beginning { seed, until, commits }.write(&record)?;
    Ok(history)
}

/// Lets the CI do what is due whenever time has moved, also when another process moves it.
async fn keep_ticking(clock: SimClock, ci: Arc<Ci>) {
    loop {
        if let Err(error) = ci.tick().await {
            tracing::error!(%error, "the CI is stuck");
        }
        // The pause bounds what is missed between a tick and the wait that follows it.
        let _ = tokio::time::timeout(Duration::from_millis(50), clock.changed()).await;
    }
}
