//! The program put together: the store, the doors to AWS, forges and people, the loops that tick, and the edge.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use app::backend::Backend;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::account::Accounts;
use crate::audit::{AuditKey, Audits};
use crate::auth::login::Logins;
use crate::aws::Aws;
use crate::aws::client::AwsClients;
use crate::board::Boards;
use crate::build::Builds;
use crate::clock::{Ids, SystemClock};
use crate::config::Config;
use crate::crypto::Cipher;
use crate::db::{Context, Db};
use crate::deployment::Deployments;
use crate::environment::Environments;
use crate::git::{Git, Mirrors};
use crate::http::{self, Edge};
use crate::inbox::{self, Inbox};
use crate::metric::Metrics;
use crate::service::Services;
use crate::sync::Sync;
use crate::tick::{Done, Loops, Pace, Tick, tick};
use crate::train::Trains;

/// Loops that read AWS, and as many that fetch repositories, side by side: while one waits for an account or a forge
/// that answers slowly, the others read the rest.
const READERS: usize = 3;

/// Opens the database that the configuration names.
///
/// # Errors
/// Names the setting and says what to do.
pub async fn open(config: &Config) -> Result<Db> {
    let key = config
        .keys
        .audit
        .clone()
        .context("configuration: keys.audit is missing")?;
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("data: cannot make the folder {}", config.data.display()))?;
    let context = Context {
        clock: Arc::new(SystemClock),
        ids: Ids::random(),
        audit_key: AuditKey::new(key),
    };
    Ok(Db::open(&config.database_url(), context).await?)
}

/// Everything that runs.
pub struct Program {
    pub(crate) db: Db,
    pub(crate) cipher: Cipher,
    config: Config,
    backend: Backend,
    logins: Arc<Logins>,
    inbox: Inbox,
    pub(crate) mirrors: Mirrors,
    pub(crate) sync: Sync,
    trains: Arc<Trains>,
    deployments: Arc<Deployments>,
}

impl Program {
    /// Puts it together. Asks nobody yet: what is down does not keep the rest from starting.
    ///
    /// # Errors
    /// A setting that cannot be used.
    pub fn new(db: Db, config: Config, demo_forge: Option<String>) -> Result<Self> {
        let data_key = config
            .keys
            .data
            .as_ref()
            .context("configuration: keys.data is missing")?;
        let cipher = Cipher::new(data_key);
        let logins = Logins::new(&config, &db.context.clock)?;
        let git = Git::default().with_credentials(config.git.credentials_file.clone());
        let mirrors = Mirrors::with_git(db.clone(), config.data.join("mirrors"), git);
        let aws: Arc<dyn Aws> = Arc::new(AwsClients::new(&config));
        let replica = db.id("rep");
        let inbox = Inbox::start(db.clone(), &config.sources);
        let speed = config.aws.speed.unwrap_or(1);
        let sync = Sync::at_speed(db.clone(), aws.clone(), cipher.clone(), speed);
        let trains = Arc::new(Trains::new(db.clone(), mirrors.clone(), cipher.clone()));
        let deployments = Arc::new(
            Deployments::new(db.clone(), aws, cipher.clone(), replica)
                .with_speed(speed)
                .with_check(trains.clone())
                .with_reopen(trains.clone()),
        );
        let boards = Boards::new(db.clone(), mirrors.clone()).with_names_of(&config);
        let backend = Backend {
            account: Arc::new(Accounts {
                db: db.clone(),
                logins: logins.clone(),
                mirrors: mirrors.clone(),
                demo_forge,
            }),
            audit: Arc::new(Audits::new(db.clone())),
            board: Arc::new(boards.clone()),
            build: Arc::new(Builds::new(db.clone())),
            deployment: deployments.clone(),
            environment: Arc::new(Environments::new(db.clone())),
            metric: Arc::new(Metrics::new(db.clone())),
            service: Arc::new(Services::new(db.clone(), boards)),
            train: trains.clone(),
            reply: Arc::new(http::Silent),
        };
        Ok(Self {
            db,
            cipher,
            config,
            backend,
            logins,
            inbox,
            mirrors,
            sync,
            trains,
            deployments,
        })
    }

    /// Serves until told to stop, then lets what is under way finish.
    ///
    /// # Errors
    /// The browser files are missing, or the listener broke.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let site: PathBuf = http::find_site()?;
        let (stopping, stopped) = watch::channel(false);
        let edge = Edge {
            db: self.db.clone(),
            public_url: self.config.public_url.clone(),
            logins: self.logins.clone(),
            backend: self.backend.clone(),
            site,
            stopping: stopped.clone(),
        };
        let router = http::router(&edge, inbox::router(self.inbox.clone()));
        let loops = self.loops(stopped);
        tracing::info!(name: "serve.ready", address = %listener.local_addr()?, url = %self.config.public_url, "Yardmaster is up");
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                stop.await;
                tracing::info!(name: "serve.stopping", "told to stop: finishing what is under way");
                stopping.send_replace(true);
            })
            .await?;
        loops.ended().await;
        self.db.close().await;
        Ok(())
    }

    /// The loops. Each tick takes no input, answers what it did in a sentence, and may run at any time; the loops only decide when.
    fn loops(&self, stopped: watch::Receiver<bool>) -> Loops {
        let speed = self.config.aws.speed.unwrap_or(1).clamp(1, 1000);
        let mut loops = Loops::new(stopped);
        // What is written here is finished when the program stops; what others are asked for is not waited for.
        let mut writes = |name, every, tick: Tick| {
            loops.spawn(
                Pace {
                    name,
                    every,
                    hint: self.db.subscribe(),
                    droppable: false,
                },
                tick,
            );
        };
        let inbox = self.inbox.clone();
        writes(
            "inbox",
            Duration::from_secs(5),
            tick(move || {
                let inbox = inbox.clone();
                async move { Ok(Done::of(&inbox.tick().await?)) }
            }),
        );
        let trains = self.trains.clone();
        writes(
            "trains",
            Duration::from_secs(5),
            tick(move || {
                let trains = trains.clone();
                async move {
                    let status = trains.tick().await?;
                    Ok(Done::of(&status).with(status.problems))
                }
            }),
        );
        let deployments = self.deployments.clone();
        writes(
            "deployments",
            Duration::from_millis(2000 / u64::from(speed.min(8))),
            tick(move || {
                let deployments = deployments.clone();
                async move {
                    let status = deployments.tick().await?;
                    Ok(Done::of(&status).with(status.problems))
                }
            }),
        );
        for _ in 0..READERS {
            let mirrors = self.mirrors.clone();
            let pace = Pace {
                name: "mirrors",
                every: Duration::from_secs(10),
                hint: self.db.subscribe(),
                droppable: true,
            };
            let fetch = tick(move || {
                let mirrors = mirrors.clone();
                async move { Ok(Done::of(&mirrors.tick().await?)) }
            });
            loops.spawn(pace, fetch);
            let sync = self.sync.clone();
            let pace = Pace {
                name: "sync",
                every: Duration::from_secs(u64::from((15 / speed).max(3))),
                // What others commit is no reason to ask AWS again.
                hint: watch::channel(0).1,
                droppable: true,
            };
            let read = tick(move || {
                let sync = sync.clone();
                async move { Ok(Done::of(&sync.tick().await?)) }
            });
            loops.spawn(pace, read);
        }
        let (db, heads) = (self.db.clone(), self.config.data.join("audit-heads.jsonl"));
        let pace = Pace {
            name: "audit heads",
            every: Duration::from_secs(60),
            hint: watch::channel(0).1,
            droppable: false,
        };
        let export = tick(move || {
            let (db, heads) = (db.clone(), heads.clone());
            async move {
                crate::audit::export_head(&db, &heads).await?;
                Ok(Done::of(&"exported"))
            }
        });
        loops.spawn(pace, export);
        loops
    }
}
