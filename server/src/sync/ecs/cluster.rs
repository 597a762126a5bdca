//! Clusters: which there are, whether those that policy binds environments to are among them, and the names of the
//! services in them.

use std::collections::{BTreeMap, BTreeSet};

use app::text::Millis;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::ABREAST;
use crate::aws::{AwsError, Ecs, EcsCluster, Scope, last_part};
use crate::policy::Policy;
use crate::sync::{Inner, Outcome};

/// Milliseconds from one listing to the next.
const EVERY: Millis = 60_000;
/// What is written where ECS knows no cluster of a name; its own word in `failures`.
const MISSING: &str = "MISSING";

/// What the last listing brought.
#[derive(Default)]
pub(super) struct Names {
    listed_at: Option<Millis>,
    /// Names of the clusters that ECS was asked about.
    clusters: BTreeSet<String>,
    /// Services by cluster.
    services: BTreeMap<String, Vec<String>>,
}

impl Names {
    /// Services as they are described: tens of one cluster.
    pub fn tens(&self) -> Vec<(String, Vec<String>)> {
        self.services
            .iter()
            .flat_map(|(cluster, services)| services.chunks(10).map(|ten| (cluster.clone(), ten.to_vec())))
            .collect()
    }
}

/// Lists everything anew where that is due, or where policy binds an environment to a cluster never asked about.
pub(super) async fn round(
    inner: &Inner,
    scope: &Scope,
    policy: Option<&Policy>,
    ecs: &dyn Ecs,
    names: &mut Names,
    now: Millis,
) -> Outcome {
    let bound = bound(scope, policy);
    let fresh = names.listed_at.is_some_and(|at| now - at < inner.paced(EVERY));
    if fresh && bound.is_subset(&names.clusters) {
        return Ok(Ok(()));
    }
    let listed = ask!(ecs.clusters().await);
    let mut asked: BTreeMap<String, String> = bound.into_iter().map(|name| (name.clone(), name)).collect();
    asked.extend(listed.iter().map(|arn| (last_part(arn).to_owned(), arn.clone())));
    let described = ask!(describe(ecs, asked.values().cloned().collect()).await);
    // An endpoint that describes none tells nothing about them.
    if let Some(described) = &described {
        keep(inner, scope, &asked, described, now).await?;
    }
    let inactive: BTreeSet<&String> = described
        .iter()
        .flatten()
        .filter(|cluster| cluster.status == "INACTIVE")
        .map(|cluster| &cluster.arn)
        .collect();
    let active: Vec<String> = listed
        .iter()
        .filter(|arn| !inactive.contains(arn))
        .cloned()
        .collect();
    let services = stream::iter(active)
        .map(|cluster| async move { Ok((cluster.clone(), ecs.services(&cluster).await?)) })
        .buffered(ABREAST)
        .try_collect()
        .await;
    *names = Names {
        services: ask!(services),
        clusters: asked.into_keys().collect(),
        listed_at: Some(now),
    };
    Ok(Ok(()))
}

/// Names of the clusters that policy binds environments of this account and region to.
fn bound(scope: &Scope, policy: Option<&Policy>) -> BTreeSet<String> {
    policy
        .iter()
        .flat_map(|policy| &policy.environments)
        .filter(|environment| environment.account == scope.account && environment.region == scope.region)
        .map(|environment| environment.cluster.clone())
        .collect()
}

/// Describes clusters by name or ARN; `None` where the endpoint does not.
async fn describe(ecs: &dyn Ecs, asked: Vec<String>) -> Result<Option<Vec<EcsCluster>>, AwsError> {
    let mut described = Vec::new();
    for hundred in asked.chunks(100) {
        match ecs.describe_clusters(hundred).await {
            Ok(some) => described.extend(some),
            Err(AwsError::Unsupported(_)) => return Ok(None),
            Err(cause) => return Err(cause),
        }
    }
    Ok(Some(described))
}

/// A cluster as it is stored.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
struct Row {
    name: String,
    arn: Option<String>,
    status: String,
    services: i64,
    running: i64,
    pending: i64,
    gone_at: Option<Millis>,
}

impl Row {
    fn of(name: &str, described: Option<&EcsCluster>, before: Option<&Self>, now: Millis) -> Self {
        let gone_at = Some(before.and_then(|before| before.gone_at).unwrap_or(now));
        match described {
            Some(cluster) => Self {
                name: name.to_owned(),
                arn: Some(cluster.arn.clone()),
                status: cluster.status.clone(),
                services: cluster.services,
                running: cluster.running,
                pending: cluster.pending,
                gone_at: gone_at.filter(|_| cluster.status == "INACTIVE"),
            },
            None => Self {
                name: name.to_owned(),
                arn: before.and_then(|before| before.arn.clone()),
                status: MISSING.to_owned(),
                services: 0,
                running: 0,
                pending: 0,
                gone_at,
            },
        }
    }
}

/// Writes the clusters that were asked about, and that those which were not are gone.
async fn keep(
    inner: &Inner,
    scope: &Scope,
    asked: &BTreeMap<String, String>,
    described: &[EcsCluster],
    now: Millis,
) -> sqlx::Result<()> {
    let mut tx = inner.db.begin().await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT name, arn, status, services, running, pending, gone_at FROM cluster
         WHERE account = $1 AND region = $2",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .fetch_all(tx.connection())
    .await?;
    let before: BTreeMap<&String, &Row> = rows.iter().map(|row| (&row.name, row)).collect();
    let names: BTreeSet<&String> = asked.keys().chain(before.keys().copied()).collect();
    let mut told = false;
    for name in names {
        let described = described.iter().find(|cluster| cluster.name == *name);
        let was = before.get(name).copied();
        let row = Row::of(name, described, was, now);
        if was == Some(&row) {
            continue;
        }
        told |= was.is_none_or(|was| was.status != row.status);
        sqlx::query(
            "INSERT INTO cluster (account, region, name, arn, status, services, running, pending, gone_at, seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (account, region, name) DO UPDATE SET arn = $4, status = $5, services = $6, running = $7,
                 pending = $8, gone_at = $9",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&row.name)
        .bind(&row.arn)
        .bind(&row.status)
        .bind(row.services)
        .bind(row.running)
        .bind(row.pending)
        .bind(row.gone_at)
        .bind(now)
        .execute(tx.connection())
        .await?;
    }
    sqlx::query("UPDATE cluster SET seen_at = $3 WHERE account = $1 AND region = $2")
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(now)
        .execute(tx.connection())
        .await?;
    if told {
        tx.event("sync", format!("{} {}", scope.account, scope.region));
    }
    tx.commit().await
}
