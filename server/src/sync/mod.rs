//! Keeps the store up to date with ECS, ECR and CloudWatch.
//!
//! ```text
//! tick ─ per account and region ─┬─ ecs: clusters and names (slow lane), services in tens (fast lane), what is new and
//!                                │       immutable
//!                                │    ─ settle: ECS services become slots, or stay unmapped with a reason
//!                                │    ─ adopt: what runs where nothing was deployed yet becomes the baseline
//!                                │    ─ tasks: of slots to which something happened
//!                                ├─ ecr: repositories, images, facts of new digests
//!                                └─ alarms: those that policy names
//! ```
//!
//! A tick takes no input and does only what is due. What cannot be read is said beside what was read last, and holds
//! up nobody else: an account that answers slowly is left to the tick that asks it, and others go on. Facts are written where they differ; events are sent where something changed.

mod adopt;
mod alarms;
mod ecr;
mod ecs;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use app::text::Millis;
use futures::future::join3;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Mutex, OwnedMutexGuard};

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
    memories: Mutex<BTreeMap<Scope, Arc<Mutex<Memory>>>>,
    settled_policy: Mutex<Option<i64>>,
}

/// What is remembered of an account and region between ticks; lost with the process and found again. Locked while it
/// is read.
#[derive(Default)]
struct Memory {
    tried: BTreeMap<Reader, Millis>,
    /// The problems that the log told of last.
    told: BTreeMap<Reader, String>,
    ecs: ecs::Remembered,
    ecr: ecr::Remembered,
}

/// What was due, and how it went: account and region, reader, and the reason where it failed.
type Read = (Scope, Reader, Result<(), String>);

/// What a tick did.
#[derive(Debug, Default)]
pub struct Status {
    /// What was due, and how it went.
    pub read: Vec<Read>,
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
            memories: Mutex::default(),
            settled_policy: Mutex::default(),
        }))
    }

    /// Reads what is due and is not being read by another tick.
    ///
    /// # Errors
    /// The database does not answer. What AWS refuses is no error, nor is a row of an account that cannot be read: it
    /// stands in the status and beside the numbers.
    pub async fn tick(&self) -> anyhow::Result<Status> {
        let inner = &*self.0;
        let revision = policy::current(&inner.db).await?;
        let policy = revision.as_ref().map(|revision| revision.policy.clone());
        let scopes = inner.scopes(policy.as_deref());
        let mut rounds: FuturesUnordered<_> = inner
            .idle(&scopes)
            .await?
            .into_iter()
            .map(|(scope, memory)| inner.read(scope, memory, policy.as_deref()))
            .collect();
        let mut status = Status::default();
        while let Some(read) = rounds.next().await {
            status.read.extend(read?);
        }
        let number = revision.map(|revision| revision.number);
        let mut settled = inner.settled_policy.lock().await;
        if *settled != number {
            inner.settle().await?;
            *settled = number;
        }
        Ok(status)
    }
}

impl Inner {
    /// Of these accounts and regions those that nobody reads now; others are forgotten.
    async fn idle(&self, scopes: &BTreeSet<Scope>) -> anyhow::Result<Vec<(Scope, OwnedMutexGuard<Memory>)>> {
        let mut memories = self.memories.lock().await;
        if !memories.keys().eq(scopes) {
            scope::forget_others(&self.db, scopes).await?;
            memories.retain(|scope, _| scopes.contains(scope));
            for scope in scopes {
                memories.entry(scope.clone()).or_default();
            }
        }
        Ok(memories
            .iter()
            .filter_map(|(scope, memory)| Some((scope.clone(), memory.clone().try_lock_owned().ok()?)))
            .collect())
    }

    /// Reads what is due of one account and region.
    async fn read(
        &self,
        scope: Scope,
        mut memory: OwnedMutexGuard<Memory>,
        policy: Option<&Policy>,
    ) -> anyhow::Result<Vec<Read>> {
        let now = self.db.now();
        let Memory {
            tried,
            told,
            ecs,
            ecr,
        } = &mut *memory;
        let mut is_due = |reader: Reader| {
            let last = tried.get(&reader);
            let due = last.is_none_or(|last| now - last >= self.paced(reader.every()));
            if due {
                tried.insert(reader, now);
            }
            due
        };
        let (ecs_is_due, ecr_is_due) = (is_due(Reader::Ecs), is_due(Reader::Ecr));
        let alarms_policy = policy.filter(|_| is_due(Reader::Alarms));
        let scope = &scope;
        let (ecs, ecr, alarms) = join3(
            async {
                if !ecs_is_due {
                    return Ok(Vec::new());
                }
                let outcome = ecs::round(self, scope, policy, ecs).await;
                let services = self.kept(scope, Reader::Ecs, now, outcome).await?;
                self.settle().await?;
                if services.2.is_err() {
                    return Ok(vec![services]);
                }
                let outcome = ecs::tasks(self, scope, ecs).await;
                let tasks = self.kept(scope, Reader::Tasks, now, outcome).await?;
                Ok(vec![services, tasks])
            },
            async {
                if !ecr_is_due {
                    return Ok(Vec::new());
                }
                let outcome = ecr::round(self, scope, ecr).await;
                Ok(vec![self.kept(scope, Reader::Ecr, now, outcome).await?])
            },
            async {
                let Some(policy) = alarms_policy else {
                    return Ok(Vec::new());
                };
                let outcome = alarms::round(self, scope, policy).await;
                Ok(vec![self.kept(scope, Reader::Alarms, now, outcome).await?])
            },
        )
        .await;
        let read: anyhow::Result<Vec<Vec<Read>>> = [ecs, ecr, alarms].into_iter().collect();
        let read: Vec<Read> = read?.into_iter().flatten().collect();
        for (_, reader, outcome) in &read {
            tell(told, scope, *reader, outcome.as_ref().err());
        }
        Ok(read)
    }

    /// Writes how a round went beside what it read.
    async fn kept(
        &self,
        scope: &Scope,
        reader: Reader,
        started: Millis,
        outcome: Outcome,
    ) -> anyhow::Result<Read> {
        let outcome = match outcome {
            Ok(read) => read.map_err(|cause| cause.to_string()),
            Err(fault) => Err(format!("what is stored of it cannot be used: {fault:#}")),
        };
        scope::keep(&self.db, scope, reader, started, outcome.as_ref().err()).await?;
        Ok((scope.clone(), reader, outcome))
    }

    /// Puts what was read into its places.
    async fn settle(&self) -> anyhow::Result<()> {
        let mut tx = self.db.begin().await?;
        service::settle(&self.db, &mut tx).await?;
        adopt::baselines(&mut tx, &self.cipher).await?;
        tx.commit().await?;
        Ok(())
    }

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

/// Says in the log when an account cannot be read, for another reason than before, and when it can be again.
fn tell(told: &mut BTreeMap<Reader, String>, scope: &Scope, reader: Reader, problem: Option<&String>) {
    match problem {
        Some(cause) if told.get(&reader) != Some(cause) => {
            tracing::warn!(name: "sync.missed", %scope, %reader, cause, "an account cannot be read");
            told.insert(reader, cause.clone());
        }
        None if told.remove(&reader).is_some() => {
            tracing::info!(name: "sync.recovered", %scope, %reader, "an account can be read again");
        }
        _ => {}
    }
}
