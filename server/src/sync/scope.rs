//! How reading an account and region goes, in the `scope` table.

use app::text::{Freshness, Millis};
use app::worded;

use crate::aws::{AwsError, Scope};
use crate::db::Db;

worded! {
    /// What is read, each at its own pace.
    Reader {
        /// Clusters and services.
        Ecs = "ecs", "ECS", Neutral;
        /// Repositories and images.
        Ecr = "ecr", "ECR", Neutral;
        /// Alarms.
        Alarms = "alarms", "CloudWatch alarms", Neutral;
    }
}

/// All readers.
pub const READERS: &[Reader] = Reader::ALL;

impl Reader {
    /// Milliseconds from one round to the next.
    pub const fn every(self) -> Millis {
        match self {
            Self::Ecs | Self::Alarms => 15_000,
            Self::Ecr => 30_000,
        }
    }
}

/// How fresh what was read is, for pages.
pub fn freshness(
    reader: Reader,
    read_at: Option<Millis>,
    missed: i64,
    problem: Option<String>,
    now: Millis,
) -> Freshness {
    let old = read_at.is_none_or(|at| now - at > 4 * reader.every());
    Freshness {
        as_of: read_at,
        stale: missed >= 3 || (old && read_at.is_some()),
        problem,
    }
}

/// Writes how a round went.
pub(super) async fn keep(
    db: &Db,
    scope: &Scope,
    reader: Reader,
    fault: Option<&AwsError>,
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
    let problem = fault.map(ToString::to_string);
    let missed = match (&before, fault) {
        (_, None) => 0,
        (Some((missed, _)), Some(_)) => missed + 1,
        (None, Some(_)) => 1,
    };
    let now = tx.now();
    sqlx::query(
        "INSERT INTO scope (account, region, reader, read_at, missed, problem) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account, region, reader) DO UPDATE
         SET read_at = COALESCE($4, scope.read_at), missed = $5, problem = $6",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(reader.as_str())
    .bind(fault.is_none().then_some(now))
    .bind(missed)
    .bind(&problem)
    .execute(tx.connection())
    .await?;
    let said = before.map(|(_, problem)| problem);
    if said.as_ref() != Some(&problem) || missed == 3 {
        tx.event("sync", format!("{} {}", scope.account, scope.region));
    }
    tx.commit().await?;
    Ok(())
}
