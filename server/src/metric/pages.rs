//! The metrics page: reads deployments and commits, hands them to `count`.

use std::collections::BTreeMap;

use app::account::Actor;
use app::error::ApiError;
use app::metric::{EnvironmentMetrics, MetricPort};
use app::text::Millis;
use async_trait::async_trait;
use sqlx::FromRow;

use super::count::{Commit, Deployment, Outcome, Repository, measure};
use crate::auth;
use crate::db::Db;
use crate::error::OrInternal;
use crate::policy;

const DAY: Millis = 86_400_000;

/// Delivery numbers, for pages.
pub struct Metrics {
    db: Db,
}

#[derive(Debug, FromRow)]
struct Row {
    environment: String,
    slot_id: String,
    repository: Option<String>,
    kind: String,
    state: String,
    digest: String,
    commit_id: Option<String>,
    from_commit: Option<String>,
    ended_at: i64,
}

impl Metrics {
    /// Over a database.
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Every deployment at its end that changed something, oldest first.
    async fn rows(&self) -> sqlx::Result<Vec<Row>> {
        sqlx::query_as(
            "SELECT slot.environment, deployment.slot_id, service.repository, deployment.kind, deployment.state,
                    deployment.digest, deployment.commit_id,
                    (SELECT MAX(image.commit_id) FROM image
                     WHERE image.digest = deployment.from_digest
                       AND image.repository = deployment.image_repository) AS from_commit,
                    deployment.ended_at
             FROM deployment
             JOIN slot ON slot.id = deployment.slot_id
             JOIN service ON service.id = slot.service_id
             WHERE deployment.ended_at IS NOT NULL
               AND deployment.state IN ('succeeded', 'rolled-back', 'needs-human')
             ORDER BY deployment.ended_at, deployment.id",
        )
        .fetch_all(self.db.read())
        .await
    }

    async fn repositories(&self, rows: &[Row]) -> sqlx::Result<BTreeMap<String, Repository>> {
        let mut repositories: BTreeMap<String, Repository> = BTreeMap::new();
        for name in rows.iter().filter_map(|row| row.repository.as_ref()) {
            if repositories.contains_key(name) {
                continue;
            }
            let commits: Vec<(String, String, i64)> = sqlx::query_as(
                "SELECT git_commit.id, git_commit.parents, git_commit.committed_at
                 FROM git_commit JOIN repository ON repository.id = git_commit.repository_id
                 WHERE repository.name = $1",
            )
            .bind(name)
            .fetch_all(self.db.read())
            .await?;
            let commits = commits
                .into_iter()
                .map(|(id, parents, at)| {
                    let parents = parents.split_whitespace().map(str::to_owned).collect();
                    (id, Commit { parents, at })
                })
                .collect();
            repositories.insert(name.clone(), commits);
        }
        Ok(repositories)
    }
}

/// Deployments of one environment. One that succeeded and was taken back by a person's rollback next is a failure.
fn of_environment(rows: &[Row], environment: &str) -> Vec<Deployment> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.environment == environment).collect();
    rows.iter()
        .enumerate()
        .map(|(place, row)| {
            let taken_back = rows
                .iter()
                .skip(place + 1)
                .find(|later| later.slot_id == row.slot_id && later.state == "succeeded")
                .is_some_and(|later| later.kind == "rollback" && later.digest != row.digest);
            let arrived = row.state == "succeeded";
            Deployment {
                repository: row.repository.clone(),
                commit: row.commit_id.clone(),
                from: row.from_commit.clone(),
                outcome: if arrived && !taken_back {
                    Outcome::Succeeded
                } else {
                    Outcome::Failed
                },
                forward: row.kind != "rollback",
                arrived,
                at: row.ended_at,
            }
        })
        .collect()
}

#[async_trait]
impl MetricPort for Metrics {
    async fn metrics(&self, actor: &Actor, days: u32) -> Result<app::metric::Metrics, ApiError> {
        auth::require_view(actor)?;
        if !(1..=366).contains(&days) {
            return Err(ApiError::Invalid(format!(
                "{days} days is out of range: ask for 1 to 366."
            )));
        }
        let now = self.db.now();
        let since = now - Millis::from(days) * DAY;
        let rows = self.rows().await.or_internal()?;
        let repositories = self.repositories(&rows).await.or_internal()?;
        let revision = policy::current(&self.db).await.or_internal()?;
        let environments: Vec<EnvironmentMetrics> = revision
            .iter()
            .flat_map(|revision| &revision.policy.environments)
            .map(|environment| {
                let deployments = of_environment(&rows, &environment.name);
                measure(&environment.name, &deployments, &repositories, since, now)
            })
            .collect();
        Ok(app::metric::Metrics {
            now,
            days,
            environments,
            definitions: definitions(),
        })
    }
}

fn definitions() -> Vec<String> {
    [
        "Deployment: a change of one service in one environment that was rolled out to its end, also by a rollback. \
         One that failed before anything was changed is not counted.",
        "Failed: it was rolled back by ECS or by Yardmaster, a person rolled it back next, or it came to rest where a \
         person had to look. The rate is failed of all deployments.",
        "Lead time: from the commit to the moment it first ran in the environment, for every commit a deployment \
         brought. Rollbacks, and deployments upon something whose commit is not known, have none.",
        "Median and 90th percentile are nearest ranks; n is how many commits they are made of.",
        "Weeks begin on Monday, 00:00 UTC.",
    ]
    .map(str::to_owned)
    .to_vec()
}
