//! From ECS services to slots: maps everything that was read, moves the slots to what runs and says where that is not
//! what Yardmaster deployed. Works from the database alone, so that a mapping or a policy takes effect at once.

use std::collections::{BTreeMap, BTreeSet};

use app::text::Millis;

use super::facts::Facts;
use super::mapping::{self, Candidate, Placement, Word};
use crate::db::{Db, Inconsistent, Tx};
use crate::image::label;
use crate::policy::{self, Policy};

/// An ECS service as it stands in the database.
struct Known {
    facts: Facts,
    containers: Vec<(String, String)>,
    account: String,
    region: String,
    cluster: String,
    slot_id: Option<String>,
    unmapped_why: Option<String>,
    seen_at: Millis,
}

/// A slot as it stands in the database.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
struct Row {
    id: String,
    service_id: String,
    environment: String,
    ecs_service_arn: String,
    container: String,
    running_digest: Option<String>,
    running_image: Option<String>,
    running_task_definition: Option<String>,
    running_since: Option<Millis>,
    deployed_digest: Option<String>,
    deployed_at: Option<Millis>,
    drift: Option<String>,
    seen_at: Millis,
}

/// Maps everything again and writes what changed.
///
/// # Errors
/// The database does not answer, or a row in it cannot be read.
pub async fn settle(db: &Db, tx: &mut Tx) -> anyhow::Result<()> {
    let policy = policy::current(db).await?.map(|revision| revision.policy);
    let services = keep_services(tx, policy.as_deref()).await?;
    let known = known(tx).await?;
    let words = words(tx).await?;
    let slots: Vec<Row> = sqlx::query_as(
        "SELECT id, service_id, environment, ecs_service_arn, container, running_digest, running_image,
                running_task_definition, running_since, deployed_digest, deployed_at, drift, seen_at FROM slot",
    )
    .fetch_all(tx.connection())
    .await?;
    let candidates = candidates(&known, &slots, &services);
    let plan = mapping::plan(policy.as_deref(), &words, &candidates);
    let held = slots_under_deployment(tx).await?;
    let mut slots: BTreeMap<(String, String), Row> = slots
        .into_iter()
        .map(|row| ((row.service_id.clone(), row.environment.clone()), row))
        .collect();
    let mut services = services;
    for (arn, known) in &known {
        match plan.get(arn) {
            Some(Ok(placement)) => {
                let service_id = service_id(tx, &mut services, &placement.service).await?;
                let key = (service_id, placement.environment.clone());
                let before = slots.remove(&key);
                let id = write_slot(db, tx, (arn, known), placement, key.0, before, &held).await?;
                write_mapping(tx, arn, known, Some(&id), None).await?;
            }
            Some(Err(why)) => write_mapping(tx, arn, known, None, Some(why)).await?,
            None => {}
        }
    }
    Ok(())
}

/// Services that policy names, written; and all service ids by name.
async fn keep_services(tx: &mut Tx, policy: Option<&Policy>) -> anyhow::Result<BTreeMap<String, String>> {
    type Row = (String, String, String, Option<String>, Option<String>);
    let rows: Vec<Row> = sqlx::query_as("SELECT id, name, team, repository, image_repository FROM service")
        .fetch_all(tx.connection())
        .await?;
    for wanted in policy.iter().flat_map(|policy| &policy.services) {
        let found = rows.iter().find(|(_, name, ..)| *name == wanted.name);
        let same = found.is_some_and(|(_, _, team, repository, image_repository)| {
            (team, repository, image_repository)
                == (&wanted.team, &wanted.repository, &wanted.image_repository)
        });
        if same {
            continue;
        }
        let id = found.map_or_else(|| tx.id("svc"), |(id, ..)| id.clone());
        sqlx::query(
            "INSERT INTO service (id, name, team, repository, image_repository) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO UPDATE SET team = $3, repository = $4, image_repository = $5",
        )
        .bind(&id)
        .bind(&wanted.name)
        .bind(&wanted.team)
        .bind(&wanted.repository)
        .bind(&wanted.image_repository)
        .execute(tx.connection())
        .await?;
        tx.changes_verdicts();
        tx.event("slot", "");
    }
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT name, id FROM service")
        .fetch_all(tx.connection())
        .await?;
    Ok(rows.into_iter().collect())
}

async fn service_id(
    tx: &mut Tx,
    services: &mut BTreeMap<String, String>,
    name: &str,
) -> anyhow::Result<String> {
    if let Some(id) = services.get(name) {
        return Ok(id.clone());
    }
    let id = tx.id("svc");
    sqlx::query(
        "INSERT INTO service (id, name, team, repository, image_repository) VALUES ($1, $2, '', NULL, NULL)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(&id)
    .bind(name)
    .execute(tx.connection())
    .await?;
    let id: String = sqlx::query_scalar("SELECT id FROM service WHERE name = $1")
        .bind(name)
        .fetch_one(tx.connection())
        .await?;
    services.insert(name.to_owned(), id.clone());
    Ok(id)
}

async fn known(tx: &mut Tx) -> anyhow::Result<BTreeMap<String, Known>> {
    type Row = (
        String,
        String,
        String,
        String,
        String,
        String,
        Option<String>,
        Option<String>,
        i64,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT arn, account, region, cluster, document, containers, slot_id, unmapped_why, seen_at
         FROM ecs_service WHERE gone_at IS NULL",
    )
    .fetch_all(tx.connection())
    .await?;
    rows.into_iter()
        .map(
            |(arn, account, region, cluster, document, containers, slot_id, unmapped_why, seen_at)| {
                let unreadable = |cause: serde_json::Error| Inconsistent {
                    table: "ecs_service",
                    id: arn.clone(),
                    what: cause.to_string(),
                };
                let known = Known {
                    facts: serde_json::from_str(&document).map_err(unreadable)?,
                    containers: serde_json::from_str(&containers).map_err(unreadable)?,
                    account,
                    region,
                    cluster,
                    slot_id,
                    unmapped_why,
                    seen_at,
                };
                Ok((arn, known))
            },
        )
        .collect()
}

async fn words(tx: &mut Tx) -> sqlx::Result<BTreeMap<String, Word>> {
    let rows: Vec<(String, String, String)> = sqlx::query_as("SELECT arn, service, container FROM mapping")
        .fetch_all(tx.connection())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(arn, service, container)| (arn, Word { service, container }))
        .collect())
}

/// Slots that a deployment holds: what runs there is in motion.
async fn slots_under_deployment(tx: &mut Tx) -> sqlx::Result<BTreeSet<String>> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT slot_id FROM deployment WHERE ended_at IS NULL OR (state = 'needs-human' AND resolved_at IS NULL)",
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().collect())
}

fn candidates(
    known: &BTreeMap<String, Known>,
    slots: &[Row],
    services: &BTreeMap<String, String>,
) -> Vec<Candidate> {
    let names: BTreeMap<&String, &String> = services.iter().map(|(name, id)| (id, name)).collect();
    let by_id: BTreeMap<&String, &Row> = slots.iter().map(|row| (&row.id, row)).collect();
    known
        .iter()
        .map(|(arn, known)| {
            let slot = known.slot_id.as_ref().and_then(|id| by_id.get(id));
            let held = slot
                .filter(|slot| slot.ecs_service_arn == *arn)
                .and_then(|slot| Some(((*names.get(&slot.service_id)?).clone(), slot.environment.clone())));
            Candidate {
                arn: arn.clone(),
                name: known.facts.service.name.clone(),
                account: known.account.clone(),
                region: known.region.clone(),
                cluster: known.cluster.clone(),
                status: known.facts.service.status.clone(),
                tags: known.facts.service.tags.clone(),
                containers: known.containers.clone(),
                held,
                created_at: known.facts.service.created_at,
            }
        })
        .collect()
}

async fn write_slot(
    db: &Db,
    tx: &mut Tx,
    (arn, known): (&str, &Known),
    placement: &Placement,
    service_id: String,
    before: Option<Row>,
    held: &BTreeSet<String>,
) -> anyhow::Result<String> {
    let running = known.facts.running.as_ref();
    let container = running.and_then(|running| running.container(&placement.container));
    let mut row = Row {
        id: before.as_ref().map_or_else(|| tx.id("slt"), |row| row.id.clone()),
        service_id,
        environment: placement.environment.clone(),
        ecs_service_arn: arn.to_owned(),
        container: placement.container.clone(),
        running_digest: container.and_then(|container| container.digest.clone()),
        running_image: container.map(|container| container.image.clone()),
        running_task_definition: running.map(|running| running.task_definition.clone()),
        running_since: running.map(|running| running.since),
        deployed_digest: before.as_ref().and_then(|row| row.deployed_digest.clone()),
        deployed_at: before.as_ref().and_then(|row| row.deployed_at),
        drift: before.as_ref().and_then(|row| row.drift.clone()),
        seen_at: known.seen_at,
    };
    if !held.contains(&row.id) {
        row.drift = drift(db, &row).await?;
    }
    let same_but_seen = before.as_ref().is_some_and(|before| {
        let mut before = before.clone();
        before.seen_at = row.seen_at;
        before == row
    });
    if before.as_ref() == Some(&row) {
        return Ok(row.id);
    }
    sqlx::query(
        "INSERT INTO slot (id, service_id, environment, ecs_service_arn, container, running_digest, running_image,
             running_task_definition, running_since, drift, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (service_id, environment) DO UPDATE SET ecs_service_arn = $4, container = $5,
             running_digest = $6, running_image = $7, running_task_definition = $8, running_since = $9,
             drift = $10, seen_at = $11",
    )
    .bind(&row.id)
    .bind(&row.service_id)
    .bind(&row.environment)
    .bind(&row.ecs_service_arn)
    .bind(&row.container)
    .bind(&row.running_digest)
    .bind(&row.running_image)
    .bind(&row.running_task_definition)
    .bind(row.running_since)
    .bind(&row.drift)
    .bind(row.seen_at)
    .execute(tx.connection())
    .await?;
    if !same_but_seen {
        tx.event("slot", row.id.clone());
        tx.changes_verdicts();
    }
    Ok(row.id)
}

/// What runs is not what Yardmaster deployed last; judged only by what was read after that.
async fn drift(db: &Db, row: &Row) -> anyhow::Result<Option<String>> {
    let (Some(running), Some(deployed)) = (&row.running_digest, &row.deployed_digest) else {
        return Ok(None);
    };
    if running == deployed {
        return Ok(None);
    }
    if row.deployed_at.is_some_and(|at| row.seen_at <= at) {
        return Ok(row.drift.clone());
    }
    let (running, deployed) = (label(db, None, running).await?, label(db, None, deployed).await?);
    Ok(Some(format!(
        "It runs {}, but Yardmaster deployed {} last: somebody changed it outside Yardmaster. Deploy or roll back to put it right.",
        running.name, deployed.name
    )))
}

async fn write_mapping(
    tx: &mut Tx,
    arn: &str,
    known: &Known,
    slot_id: Option<&str>,
    why: Option<&str>,
) -> sqlx::Result<()> {
    if known.slot_id.as_deref() == slot_id && known.unmapped_why.as_deref() == why {
        return Ok(());
    }
    sqlx::query("UPDATE ecs_service SET slot_id = $2, unmapped_why = $3 WHERE arn = $1")
        .bind(arn)
        .bind(slot_id)
        .bind(why)
        .execute(tx.connection())
        .await?;
    if let Some(before) = &known.slot_id {
        tx.event("slot", before.clone());
    }
    tx.event("sync", "mapping");
    tx.changes_verdicts();
    Ok(())
}
