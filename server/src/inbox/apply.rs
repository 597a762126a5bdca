//! Applying stored deliveries, each in a transaction of its own that also says what it did.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use app::build::{BuildStatus, DeliveryState};
use app::text::Millis;
use futures::FutureExt;

use super::store::{self, Waiting};
use super::{Inbox, Inner};
use crate::build::merge::{self, Merged};
use crate::db::Tx;
use crate::forge::{Fact, News, NoNews, github};
use crate::git::short;
use crate::git::store::{Told, know, want};
use crate::pull_request;

/// How long to wait after each failure before a delivery is tried again: what fails for a passing reason gets time.
const WAITS: [Millis; 4] = [5_000, 30_000, 180_000, 900_000];
/// After so many failures a delivery is set aside.
const TRIES: i64 = 5;

/// What one tick did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Deliveries that told something.
    pub applied: usize,
    /// Deliveries of no concern.
    pub ignored: usize,
    /// Deliveries that cannot be read or applied.
    pub dead: usize,
    /// Deliveries that will be tried again.
    pub failed: usize,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} deliveries applied, {} ignored, {} dead, {} to be tried again",
            self.applied, self.ignored, self.dead, self.failed
        )
    }
}

impl Inbox {
    /// Applies what was received. One delivery that cannot be applied stops no other.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tick(&self) -> anyhow::Result<Round> {
        let inner = &self.0;
        let _one_at_a_time = inner.ticking.lock().await;
        introduce(inner).await?;
        let mut round = Round::default();
        let mut after = String::new();
        loop {
            let batch = store::waiting(&inner.db, &after).await?;
            let Some(last) = batch.last() else {
                return Ok(round);
            };
            after.clone_from(&last.id);
            let now = inner.db.now();
            for delivery in batch.iter().filter(|delivery| inner.due(delivery, now)) {
                match one(inner, delivery).await? {
                    Some(DeliveryState::Applied) => round.applied += 1,
                    Some(DeliveryState::Ignored) => round.ignored += 1,
                    Some(DeliveryState::Dead) => round.dead += 1,
                    Some(DeliveryState::Received) => round.failed += 1,
                    None => {}
                }
            }
        }
    }
}

impl Inner {
    /// Whether a delivery is to be tried now: one that failed here waits; after a restart it is tried at once.
    fn due(&self, delivery: &Waiting, now: Millis) -> bool {
        let wait = usize::try_from(delivery.attempts)
            .ok()
            .and_then(|failures| WAITS.get(failures.checked_sub(1)?))
            .copied()
            .unwrap_or(0);
        self.failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&delivery.id)
            .is_none_or(|at| now >= at.saturating_add(wait))
    }

    /// Remembers when a delivery failed, as long as it is to be tried again.
    fn remember(&self, delivery: &Waiting, again: bool) {
        let mut failed_at = self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        if again {
            failed_at.insert(delivery.id.clone(), self.db.now());
        } else {
            failed_at.remove(&delivery.id);
        }
    }
}

/// Records the repositories that the configuration names, so that they are mirrored before the first webhook.
async fn introduce(inner: &Inner) -> sqlx::Result<()> {
    if inner.introduced.load(Ordering::Acquire) {
        return Ok(());
    }
    let mut tx = inner.db.begin().await?;
    for (name, url) in inner.sources.repositories() {
        let told = Told {
            name,
            forge: "github",
            clone_url: Ok(url),
            default_branch: None,
            configured: true,
        };
        know(&mut tx, &told).await?;
    }
    tx.commit().await?;
    inner.introduced.store(true, Ordering::Release);
    Ok(())
}

/// Applies one delivery and says what became of it; nothing where another process was quicker.
async fn one(inner: &Inner, delivery: &Waiting) -> anyhow::Result<Option<DeliveryState>> {
    // A panic here would be a fault of ours, and must still cost one delivery and not the inbox.
    let why = match AssertUnwindSafe(apply(inner, delivery)).catch_unwind().await {
        Ok(Ok(state)) => {
            inner.remember(delivery, false);
            return Ok(state);
        }
        Ok(Err(cause)) => format!("could not be applied: {cause:#}"),
        Err(_) => "could not be applied: a fault in Yardmaster, see its log".to_owned(),
    };
    tracing::warn!(name: "inbox.not_applied", delivery = delivery.id, why, "a delivery could not be applied");
    let mut tx = inner.db.begin().await?;
    let dead = store::failed(&mut tx, &delivery.id, &why, TRIES).await?;
    if dead {
        tx.event("delivery", delivery.id.as_str());
    }
    tx.commit().await?;
    inner.remember(delivery, !dead);
    Ok(Some(if dead {
        DeliveryState::Dead
    } else {
        DeliveryState::Received
    }))
}

async fn apply(inner: &Inner, delivery: &Waiting) -> anyhow::Result<Option<DeliveryState>> {
    let kind = delivery.event.split('.').next().unwrap_or_default();
    let read = github::read(kind, &delivery.body);
    let mut tx = inner.db.begin().await?;
    if !store::claim(&mut tx, &delivery.id).await? {
        return Ok(None);
    }
    let (event, state, effect) = match read {
        Ok(news) => {
            let effect = record(inner, &mut tx, &delivery.source, &news).await?;
            (news.event, DeliveryState::Applied, effect)
        }
        Err(NoNews::Ignored(why)) => (delivery.event.clone(), DeliveryState::Ignored, why),
        Err(NoNews::Unreadable(why)) => (delivery.event.clone(), DeliveryState::Dead, why),
    };
    store::settle(&mut tx, &delivery.id, &event, state, &effect).await?;
    tx.commit().await?;
    Ok(Some(state))
}

/// Records what a delivery tells, and puts it in words.
async fn record(inner: &Inner, tx: &mut Tx, source: &str, news: &News) -> anyhow::Result<String> {
    let name = news.repository.name.as_str();
    let address = inner.sources.get(source).map_or_else(
        || Err(format!("source `{source}` is no longer configured")),
        |source| source.clone_url(name, news.repository.clone_url.as_deref()),
    );
    let told = Told {
        name,
        forge: "github",
        clone_url: address.as_deref().map_err(String::as_str),
        default_branch: news.repository.default_branch.as_deref(),
        configured: false,
    };
    let repository_id = know(tx, &told).await?;
    Ok(match &news.fact {
        Fact::Push { branch, head } => {
            want(tx, &repository_id).await?;
            let moved = head.as_deref().map_or_else(
                || "was deleted".to_owned(),
                |head| format!("moved to {}", short(head)),
            );
            match &address {
                Ok(_) => format!("branch {branch} of {name} {moved}; a fetch was asked for"),
                Err(problem) => {
                    format!("branch {branch} of {name} {moved}, but it cannot be fetched: {problem}")
                }
            }
        }
        Fact::Run(run) => {
            let merged = merge::run(tx, (&repository_id, name), run).await?;
            let what = format!(
                "build {} of {name} at {}{} is {}",
                run.number,
                short(&run.commit_id),
                attempt(run.attempt),
                lower(run.status)
            );
            in_words(&what, &merged)
        }
        Fact::Job(job) => {
            let merged = merge::job(tx, &repository_id, job).await?;
            let what = format!(
                "stage {} of {name} at {}{} is {}",
                job.name,
                short(&job.commit_id),
                attempt(job.attempt),
                lower(job.status)
            );
            in_words(&what, &merged)
        }
        Fact::PullRequest(news) => {
            let what = news.in_words(name);
            if pull_request::record(tx, &repository_id, news).await? {
                what
            } else {
                format!("{what}: nothing new")
            }
        }
    })
}

fn in_words(what: &str, merged: &Merged) -> String {
    match (merged.changed, merged.unjudged) {
        (false, _) => format!("{what}: nothing new"),
        (true, true) => format!("{what}; a fetch was asked for to see whether it counts"),
        (true, false) => what.to_owned(),
    }
}

fn attempt(number: i64) -> String {
    if number > 1 {
        format!(", try {number},")
    } else {
        String::new()
    }
}

fn lower(status: BuildStatus) -> String {
    status.word().to_lowercase()
}
