//! Services in the store: as they were before a round, and as it found them.

use std::collections::BTreeMap;

use app::text::Millis;

use super::Remembered;
use crate::aws::Scope;
use crate::service::facts::Facts;
use crate::sync::Inner;

/// A service as it was before this round.
pub(super) struct Before {
    pub facts: Facts,
    document: String,
    containers: String,
    slot_id: Option<String>,
}

/// The services of an account and region that were there in the last round, by ARN.
pub(super) async fn before(inner: &Inner, scope: &Scope) -> anyhow::Result<BTreeMap<String, Before>> {
    let rows: Vec<(String, String, String, Option<String>)> = sqlx::query_as(
        "SELECT arn, document, containers, slot_id FROM ecs_service
         WHERE account = $1 AND region = $2 AND gone_at IS NULL",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .fetch_all(inner.db.read())
    .await?;
    rows.into_iter()
        .map(|(arn, document, containers, slot_id)| {
            let facts = serde_json::from_str(&document)?;
            Ok((
                arn,
                Before {
                    facts,
                    document,
                    containers,
                    slot_id,
                },
            ))
        })
        .collect()
}

/// Writes what a round brought, and which services are gone.
pub(super) async fn keep(
    inner: &Inner,
    scope: &Scope,
    mut before: BTreeMap<String, Before>,
    read: Vec<Facts>,
    remembered: &Remembered,
    started: Millis,
) -> anyhow::Result<()> {
    let mut tx = inner.db.begin().await?;
    for facts in &read {
        let service = &facts.service;
        let document = serde_json::to_string(facts)?;
        let definition = service
            .primary()
            .map_or(&service.task_definition, |primary| &primary.task_definition);
        let containers =
            serde_json::to_string(&remembered.images.get(definition).cloned().unwrap_or_default())?;
        let was = before.remove(&service.arn);
        if was
            .as_ref()
            .is_some_and(|was| was.document == document && was.containers == containers)
        {
            continue;
        }
        sqlx::query(
            "INSERT INTO ecs_service (arn, account, region, cluster_arn, cluster, name, status, controller,
                 task_definition, desired, running, pending, document, containers, seen_at, gone_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, NULL)
             ON CONFLICT (arn) DO UPDATE SET status = $7, controller = $8, task_definition = $9, desired = $10,
                 running = $11, pending = $12, document = $13, containers = $14, seen_at = $15, gone_at = NULL",
        )
        .bind(&service.arn)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&service.cluster_arn)
        .bind(service.cluster())
        .bind(&service.name)
        .bind(&service.status)
        .bind(&service.controller)
        .bind(&service.task_definition)
        .bind(service.desired)
        .bind(service.running)
        .bind(service.pending)
        .bind(document)
        .bind(containers)
        .bind(started)
        .execute(tx.connection())
        .await?;
        match was.and_then(|was| was.slot_id) {
            Some(slot) => tx.event("slot", slot),
            None => tx.event("sync", "mapping"),
        }
    }
    for (arn, was) in before {
        sqlx::query(
            "UPDATE ecs_service SET gone_at = $2, slot_id = NULL, unmapped_why = NULL, tasks_read_at = NULL,
                 tasks_sign = NULL, events = NULL
             WHERE arn = $1",
        )
        .bind(&arn)
        .bind(started)
        .execute(tx.connection())
        .await?;
        sqlx::query("DELETE FROM task WHERE ecs_service_arn = $1")
            .bind(&arn)
            .execute(tx.connection())
            .await?;
        tx.event("slot", was.slot_id.unwrap_or_default());
        tx.changes_verdicts();
    }
    sqlx::query("UPDATE ecs_service SET seen_at = $3 WHERE account = $1 AND region = $2 AND gone_at IS NULL")
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(started)
        .execute(tx.connection())
        .await?;
    tx.commit().await?;
    Ok(())
}
