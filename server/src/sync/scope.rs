//! How reading an account and region goes, in the `scope` table.

use std::collections::{BTreeMap, BTreeSet};

use app::board::ScopeFreshness;
use app::text::{Freshness, Millis};
use app::worded;

use crate::aws::Scope;
use crate::db::{Db, Inconsistent};

worded! {
    /// What is read, each at its own pace.
    Reader {
        /// Clusters and services.
        Ecs = "ecs", "ECS", Neutral;
        /// Tasks of services to which something happened.
        Tasks = "tasks", "ECS tasks", Neutral;
        /// Repositories and images.
        Ecr = "ecr", "ECR", Neutral;
        /// Alarms.
        Alarms = "alarms", "CloudWatch alarms", Neutral;
    }
}

impl Reader {
    /// Milliseconds from one round to the next.
    pub const fn every(self) -> Millis {
        match self {
            Self::Ecs | Self::Tasks | Self::Alarms => 15_000,
            Self::Ecr => 30_000,
        }
    }
}

/// How fresh what was read of one account and region is.
#[derive(Debug, Clone, Default)]
pub struct ScopeState {
    /// Of each reader that ever tried.
    pub readers: BTreeMap<Reader, Freshness>,
}

impl ScopeState {
    /// Of one reader.
    pub fn of(&self, reader: Reader) -> Freshness {
        self.readers.get(&reader).cloned().unwrap_or_default()
    }

    /// Of all together: as old as the oldest, with every problem.
    pub fn all(&self) -> Freshness {
        let problems: Vec<String> = self
            .readers
            .iter()
            .filter_map(|(reader, freshness)| {
                Some(format!("{}: {}", reader.word(), freshness.problem.as_ref()?))
            })
            .collect();
        Freshness {
            as_of: self
                .readers
                .values()
                .map(|freshness| freshness.as_of)
                .min()
                .flatten(),
            stale: self.readers.values().any(|freshness| freshness.stale),
            problem: (!problems.is_empty()).then(|| problems.join(" ")),
        }
    }
}

/// Every account and region that is read.
///
/// # Errors
/// The database does not answer, or holds a reader that this program does not know.
pub async fn scopes(db: &Db) -> anyhow::Result<BTreeMap<Scope, ScopeState>> {
    type Row = (String, String, String, Option<Millis>, i64, Option<String>);
    let rows: Vec<Row> =
        sqlx::query_as("SELECT account, region, reader, read_at, missed, problem FROM scope")
            .fetch_all(db.read())
            .await?;
    let now = db.now();
    let mut scopes: BTreeMap<Scope, ScopeState> = BTreeMap::new();
    for (account, region, reader, read_at, missed, problem) in rows {
        let reader: Reader = reader.parse().map_err(|what| Inconsistent {
            table: "scope",
            id: format!("{account} {region}"),
            what,
        })?;
        // Three missed rounds and a little more than one that is under way.
        let old = read_at.is_some_and(|at| now - at > 4 * reader.every());
        let freshness = Freshness {
            as_of: read_at,
            stale: missed >= 3 || old,
            problem,
        };
        scopes
            .entry(Scope { account, region })
            .or_default()
            .readers
            .insert(reader, freshness);
    }
    Ok(scopes)
}

/// The same as pages show it, with the names that the configuration gives accounts.
pub fn shown(
    scopes: &BTreeMap<Scope, ScopeState>,
    aliases: &BTreeMap<String, String>,
) -> Vec<ScopeFreshness> {
    scopes
        .iter()
        .map(|(scope, state)| ScopeFreshness {
            name: format!(
                "{} · {}",
                aliases.get(&scope.account).unwrap_or(&scope.account),
                scope.region
            ),
            freshness: state.all(),
        })
        .collect()
}

/// Forgets accounts and regions that neither the configuration nor policy names any more.
pub(super) async fn forget_others(db: &Db, scopes: &BTreeSet<Scope>) -> anyhow::Result<()> {
    let mut tx = db.begin().await?;
    let known: Vec<(String, String)> = sqlx::query_as("SELECT DISTINCT account, region FROM scope")
        .fetch_all(tx.connection())
        .await?;
    for (account, region) in known {
        let scope = Scope { account, region };
        if scopes.contains(&scope) {
            continue;
        }
        sqlx::query("DELETE FROM scope WHERE account = $1 AND region = $2")
            .bind(&scope.account)
            .bind(&scope.region)
            .execute(tx.connection())
            .await?;
        tx.event("sync", scope.to_string());
    }
    tx.commit().await?;
    Ok(())
}

/// Writes how a round that began then went.
pub(super) async fn keep(
    db: &Db,
    scope: &Scope,
    reader: Reader,
    started: Millis,
    problem: Option<&String>,
) -> anyhow::Result<()> {
    let mut tx = db.begin().await?;
    let before: Option<(i64, Option<String>)> = sqlx::query_as(
        "SELECT missed, problem FROM scope WHERE account = $1 AND region = $2 AND reader = $3",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(reader.as_str())
    .fetch_optional(tx.connection())
    .await?;
    let missed = match (&before, problem) {
        (_, None) => 0,
        (Some((missed, _)), Some(_)) => missed + 1,
        (None, Some(_)) => 1,
    };
    sqlx::query(
        "INSERT INTO scope (account, region, reader, read_at, missed, problem) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account, region, reader) DO UPDATE
         SET read_at = COALESCE($4, scope.read_at), missed = $5, problem = $6",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(reader.as_str())
    .bind(problem.is_none().then_some(started))
    .bind(missed)
    .bind(problem)
    .execute(tx.connection())
    .await?;
    let said = before.map(|(_, problem)| problem);
    if said.as_ref().map(Option::as_ref) != Some(problem) || missed == 3 {
        tx.event("sync", format!("{} {}", scope.account, scope.region));
    }
    tx.commit().await?;
    Ok(())
}
