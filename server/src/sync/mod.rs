//! Keeps the store up to date with ECS, ECR and CloudWatch.
//!
//! ```text
//! tick ─ per account and region ─┬─ ecs: names (slow lane), services in tens (fast lane), what is new and immutable
//!                                ├─ ecr: repositories, images, facts of new digests
//!                                └─ alarms: those that policy names
//!      ─ settle: ECS services become slots, or stay unmapped with a reason
//!      ─ adopt: what runs where nothing was deployed yet becomes the baseline
//! ```
//!
//! A tick takes no input and does only what is due. What cannot be read is said beside what was read last, and holds
//! up nobody else. Facts are written where they differ; events are sent where something changed.

mod adopt;
mod alarms;
mod ecr;
mod ecs;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use app::text::Millis;
use futures::future::join_all;
use tokio::sync::Mutex;

pub use scope::{Reader, ScopeState, scopes, shown};

use crate::aws::{Aws, AwsError, Scope};
use crate::crypto::Cipher;
use crate::db::Db;
use crate::policy::{self, Policy};
use crate::service;

/// The sync.
#[derive(Clone)]
pub struct Sync(Arc<Inner>);

struct Inner {
    db: Db,
    aws: Arc<dyn Aws>,
    cipher: Cipher,
    speed: u32,
    memory: Mutex<Memory>,
}

/// What is remembered between ticks; lost with the process and found again.
#[derive(Default)]
struct Memory {
    tried: BTreeMap<(Scope, Reader), Millis>,
    ecs: BTreeMap<Scope, ecs::Remembered>,
    ecr: BTreeMap<Scope, ecr::Remembered>,
    settled_policy: Option<i64>,
}

/// What a tick did.
#[derive(Debug, Default)]
pub struct Status {
    /// What was due, and how it went: account and region, reader, and the reason where it failed.
    pub read: Vec<(Scope, Reader, Result<(), String>)>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.read.is_empty() {
            return f.write_str("nothing was due");
        }
        for (place, (scope, reader, outcome)) in self.read.iter().enumerate() {
            let comma = if place == 0 { "" } else { "; " };
            match outcome {
                Ok(()) => write!(f, "{comma}{scope} {reader}: read")?,
                Err(why) => write!(f, "{comma}{scope} {reader}: {why}")?,
            }
        }
        Ok(())
    }
}

/// What came of one reader: its own failure, or ours.
type Outcome = anyhow::Result<Result<(), AwsError>>;

impl Sync {
    /// Reads through `aws` into the store.
    pub fn new(db: Db, aws: Arc<dyn Aws>, cipher: Cipher) -> Self {
        Self::at_speed(db, aws, cipher, 1)
    }

    /// The same with the waits between rounds divided; for the demo.
    pub fn at_speed(db: Db, aws: Arc<dyn Aws>, cipher: Cipher, speed: u32) -> Self {
        Self(Arc::new(Inner {
            db,
            aws,
            cipher,
            speed: speed.clamp(1, 1000),
            memory: Mutex::default(),
        }))
    }

    /// Reads what is due.
    ///
    /// # Errors
    /// The database does not answer, or holds what cannot be read. What AWS refuses is no error: it stands in the
    /// status and beside the numbers.
    pub async fn tick(&self) -> anyhow::Result<Status> {
        let inner = &*self.0;
        let mut memory = inner.memory.lock().await;
        let revision = policy::current(&inner.db).await?;
        let policy = revision.as_ref().map(|revision| revision.policy.clone());
        let scopes = inner.scopes(policy.as_deref());
        let now = inner.db.now();
        let due = |tried: &BTreeMap<(Scope, Reader), Millis>, scope: &Scope, reader: Reader| {
            let wait = reader.every() / i64::from(inner.speed);
            let last = tried.get(&(scope.clone(), reader));
            last.is_none_or(|last| now - last >= wait)
        };
        let Memory { tried, ecs, ecr, .. } = &mut *memory;
        for scope in &scopes {
            ecs.entry(scope.clone()).or_default();
            ecr.entry(scope.clone()).or_default();
        }
        let mut rounds: Vec<futures::future::BoxFuture<'_, (Scope, Reader, Outcome)>> = Vec::new();
        for (scope, remembered) in ecs.iter_mut().filter(|(scope, _)| scopes.contains(scope)) {
            if due(tried, scope, Reader::Ecs) {
                rounds.push(Box::pin(async move {
                    (
                        scope.clone(),
                        Reader::Ecs,
                        ecs::round(inner, scope, remembered).await,
                    )
                }));
            }
        }
        for (scope, remembered) in ecr.iter_mut().filter(|(scope, _)| scopes.contains(scope)) {
            if due(tried, scope, Reader::Ecr) {
                rounds.push(Box::pin(async move {
                    (
                        scope.clone(),
                        Reader::Ecr,
                        ecr::round(inner, scope, remembered).await,
                    )
                }));
            }
        }
        for (scope, policy) in scopes
            .iter()
            .filter_map(|scope| Some((scope, policy.as_deref()?)))
        {
            if due(tried, scope, Reader::Alarms) {
                rounds.push(Box::pin(async move {
                    (
                        scope.clone(),
                        Reader::Alarms,
                        alarms::round(inner, scope, policy).await,
                    )
                }));
            }
        }
        let ended = join_all(rounds).await;
        let mut status = Status::default();
        for (scope, reader, outcome) in ended {
            tried.insert((scope.clone(), reader), now);
            let outcome = outcome?;
            scope::keep(&inner.db, &scope, reader, outcome.as_ref().err()).await?;
            if let Err(cause) = &outcome {
                tracing::warn!(name: "sync.missed", %scope, %reader, %cause, "an account cannot be read");
            }
            let outcome = outcome.map_err(|cause| cause.to_string());
            status.read.push((scope, reader, outcome));
        }
        let number = revision.map(|revision| revision.number);
        let looked = status.read.iter().any(|(_, reader, _)| *reader == Reader::Ecs);
        if looked || memory.settled_policy != number {
            let mut tx = inner.db.begin().await?;
            service::settle(&inner.db, &mut tx).await?;
            adopt::baselines(&mut tx, &inner.cipher).await?;
            tx.commit().await?;
            memory.settled_policy = number;
        }
        Ok(status)
    }
}

impl Inner {
    /// Configured accounts and regions, and those that policy binds environments to.
    fn scopes(&self, policy: Option<&Policy>) -> BTreeSet<Scope> {
        let bound = policy
            .iter()
            .flat_map(|policy| &policy.environments)
            .map(|environment| Scope {
                account: environment.account.clone(),
                region: environment.region.clone(),
            });
        self.aws.scopes().into_iter().chain(bound).collect()
    }

    /// A wait divided by the speed.
    fn paced(&self, wait: Millis) -> Millis {
        wait / i64::from(self.speed)
    }
}
