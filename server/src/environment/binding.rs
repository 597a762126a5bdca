//! Whether environments live where policy says: an environment bound to a cluster that is not there would only look
//! empty.

use std::collections::BTreeMap;

use app::environment::ClusterView;
use app::text::Millis;

use crate::aws::Scope;
use crate::db::Db;
use crate::policy::{Environment, Policy};
use crate::sync::{Reader, ScopeState};

/// An environment bound to a cluster that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Astray {
    /// Environment.
    pub environment: String,
    /// Where its cluster should be.
    pub scope: Scope,
    /// What is wrong, in a sentence without its stop.
    pub sentence: String,
    /// Since when, as far as it was seen.
    pub since: Option<Millis>,
}

/// A cluster as ECS last told of it.
#[derive(sqlx::FromRow)]
struct Row {
    status: String,
    services: i64,
    running: i64,
    pending: i64,
    seen_at: Millis,
    gone_at: Option<Millis>,
}

async fn row(db: &Db, environment: &Environment) -> sqlx::Result<Option<Row>> {
    sqlx::query_as(
        "SELECT status, services, running, pending, seen_at, gone_at FROM cluster
         WHERE account = $1 AND region = $2 AND name = $3",
    )
    .bind(&environment.account)
    .bind(&environment.region)
    .bind(&environment.cluster)
    .fetch_optional(db.read())
    .await
}

/// The cluster that an environment is bound to, where it is there.
///
/// # Errors
/// The database does not answer.
pub(super) async fn cluster(db: &Db, environment: &Environment) -> sqlx::Result<Option<ClusterView>> {
    let row = row(db, environment).await?.filter(|row| row.gone_at.is_none());
    Ok(row.map(|row| ClusterView {
        status: row.status,
        services: row.services,
        running: row.running,
        pending: row.pending,
        as_of: row.seen_at,
    }))
}

/// Environments whose cluster ECS says is not there, in policy's order. Of an account that cannot be read now nothing is
/// said: it may be there again.
///
/// # Errors
/// The database does not answer.
pub async fn astray(
    db: &Db,
    policy: Option<&Policy>,
    scopes: &BTreeMap<Scope, ScopeState>,
) -> sqlx::Result<Vec<Astray>> {
    let mut found = Vec::new();
    for environment in policy.iter().flat_map(|policy| &policy.environments) {
        let scope = Scope {
            account: environment.account.clone(),
            region: environment.region.clone(),
        };
        let freshness = scopes.get(&scope).map(|state| state.of(Reader::Ecs));
        let is_read = freshness.is_some_and(|freshness| {
            freshness.as_of.is_some() && !freshness.stale && freshness.problem.is_none()
        });
        if !is_read {
            continue;
        }
        let Some(row) = row(db, environment).await?.filter(|row| row.gone_at.is_some()) else {
            continue;
        };
        let Environment {
            name,
            account,
            region,
            cluster,
            ..
        } = environment;
        let bound = format!("Environment {name} is bound to cluster `{cluster}`, which");
        found.push(Astray {
            environment: name.clone(),
            sentence: if row.status == "INACTIVE" {
                format!("{bound} was deleted from account {account} in {region}: it is INACTIVE")
            } else {
                format!("{bound} account {account} in {region} does not have")
            },
            scope,
            since: row.gone_at,
        });
    }
    Ok(found)
}
