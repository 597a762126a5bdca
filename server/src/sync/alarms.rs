//! The alarms that policy names, as CloudWatch last said.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inner, Outcome};
use crate::aws::{Alarm, Scope};
use crate::policy::Policy;

/// Reads the states of the alarms of one account and region.
pub(super) async fn round(inner: &Inner, scope: &Scope, policy: &Policy) -> Outcome {
    let names: Vec<String> = names(inner, scope, policy).await?.into_iter().collect();
    let mut found: BTreeMap<String, Alarm> = BTreeMap::new();
    if !names.is_empty() {
        let alarms = match inner.aws.alarms(scope).await {
            Ok(alarms) => alarms,
            Err(cause) => return Ok(Err(cause)),
        };
        for some in names.chunks(100) {
            match alarms.states(some).await {
                Ok(states) => found.extend(states.into_iter().map(|alarm| (alarm.name.clone(), alarm))),
                Err(cause) => return Ok(Err(cause)),
            }
        }
    }
    keep(inner, scope, &found).await?;
    Ok(Ok(()))
}

/// `{service}` in an environment's alarms stands for each service that has a slot there.
async fn names(inner: &Inner, scope: &Scope, policy: &Policy) -> sqlx::Result<BTreeSet<String>> {
    let here = policy
        .environments
        .iter()
        .filter(|environment| environment.account == scope.account && environment.region == scope.region);
    let mut names = BTreeSet::new();
    for environment in here.filter(|environment| !environment.alarms.is_empty()) {
        let services: Vec<String> = sqlx::query_scalar(
            "SELECT service.name FROM slot JOIN service ON service.id = slot.service_id WHERE slot.environment = $1",
        )
        .bind(&environment.name)
        .fetch_all(inner.db.read())
        .await?;
        for pattern in &environment.alarms {
            if pattern.contains("{service}") {
                names.extend(
                    services
                        .iter()
                        .map(|service| pattern.replace("{service}", service)),
                );
            } else {
                names.insert(pattern.clone());
            }
        }
    }
    Ok(names)
}

async fn keep(inner: &Inner, scope: &Scope, found: &BTreeMap<String, Alarm>) -> sqlx::Result<()> {
    let mut tx = inner.db.begin().await?;
    let rows: Vec<(String, String, Option<String>)> =
        sqlx::query_as("SELECT name, state, reason FROM alarm WHERE account = $1 AND region = $2")
            .bind(&scope.account)
            .bind(&scope.region)
            .fetch_all(tx.connection())
            .await?;
    let before: BTreeMap<&String, (&String, &Option<String>)> = rows
        .iter()
        .map(|(name, state, reason)| (name, (state, reason)))
        .collect();
    let now = tx.now();
    let mut changed = false;
    for name in before.keys().filter(|name| !found.contains_key(**name)) {
        sqlx::query("DELETE FROM alarm WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(*name)
            .execute(tx.connection())
            .await?;
        changed = true;
    }
    for (name, alarm) in found {
        if before.get(name) == Some(&(&alarm.state, &alarm.reason)) {
            continue;
        }
        sqlx::query(
            "INSERT INTO alarm (account, region, name, state, reason, seen_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (account, region, name) DO UPDATE SET state = $4, reason = $5, seen_at = $6",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .bind(&alarm.state)
        .bind(&alarm.reason)
        .bind(now)
        .execute(tx.connection())
        .await?;
        changed = true;
    }
    sqlx::query("UPDATE alarm SET seen_at = $3 WHERE account = $1 AND region = $2")
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(now)
        .execute(tx.connection())
        .await?;
    if changed {
        tx.changes_verdicts();
        tx.event("sync", format!("{} {}", scope.account, scope.region));
    }
    tx.commit().await
}
