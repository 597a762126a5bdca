//! Tasks of mapped services, where something happened to them: a steady service costs no call.
//!
//! Of a service that does not run what it should, they are read in every round; of another where its deployments or its
//! newest event are not what they were at the last reading. Where many services of one cluster are wanted, as in the
//! first round, the tasks of the cluster are listed together: `w` services with `t` tasks cost
//! `w + ceil(t/100)` calls, or `2 · ceil(all/100)` where that is less; what stopped is listed besides, unless a steady
//! service is read for the first time.

use std::collections::{BTreeMap, BTreeSet};

use app::text::Millis;
use futures::stream::{self, StreamExt};

use super::ABREAST;
use crate::aws::{AwsError, Ecs, EcsEvent, EcsService, EcsTask, Purpose, Scope};
use crate::crypto::sha256_hex;
use crate::db::Tx;
use crate::sync::{Inner, Outcome};

/// Stopped tasks kept of a service, the newest: one that crashes again and again has hundreds.
const STOPPED_KEPT: usize = 10;
/// Events kept of a service.
const EVENTS_KEPT: usize = 10;

/// A service as the last round found it, as far as its tasks hang on it.
pub(super) struct Look {
    arn: String,
    name: String,
    cluster: String,
    /// It runs what it should, in every deployment.
    steady: bool,
    /// Tasks that should run, by its own count.
    tasks: usize,
    /// A fingerprint: while it is the same, nothing happened.
    sign: String,
    /// What ECS said last, newest first, as JSON.
    events: String,
}

impl Look {
    pub fn of(service: &EcsService) -> Self {
        let counts = (service.desired, service.running, service.pending);
        let newest = service.events.first().map(|event| &event.id);
        let events: Vec<&EcsEvent> = service.events.iter().take(EVENTS_KEPT).collect();
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        Self {
            arn: service.arn.clone(),
            name: service.name.clone(),
            cluster: service.cluster_arn.clone(),
            steady: service.running == service.desired
                && service.pending == 0
                && service
                    .deployments
                    .iter()
                    .all(|deployment| deployment.running == deployment.desired),
            tasks: usize::try_from(service.running + service.pending).unwrap_or(0),
            sign: sha256_hex(json(serde_json::to_string(&(counts, newest, &service.deployments))).as_bytes()),
            events: json(serde_json::to_string(&events)),
        }
    }
}

/// A mapped service in the store.
#[derive(sqlx::FromRow)]
struct Mapped {
    arn: String,
    slot_id: String,
    tasks_sign: Option<String>,
    events: Option<String>,
}

/// A service whose tasks are read.
struct Wanted<'a> {
    look: &'a Look,
    mapped: &'a Mapped,
    /// What stopped is read as well.
    stopped: bool,
}

/// Reads what is wanted. One cluster that cannot be read holds up no other.
pub(super) async fn round(inner: &Inner, scope: &Scope, looks: &[Look]) -> Outcome {
    let started = inner.db.now();
    let mapped: Vec<Mapped> = sqlx::query_as(
        "SELECT arn, slot_id, tasks_sign, events FROM ecs_service
         WHERE account = $1 AND region = $2 AND gone_at IS NULL AND slot_id IS NOT NULL",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .fetch_all(inner.db.read())
    .await?;
    let by_arn: BTreeMap<&String, &Mapped> = mapped.iter().map(|mapped| (&mapped.arn, mapped)).collect();
    let mut clusters: BTreeMap<&String, (Vec<Wanted<'_>>, usize)> = BTreeMap::new();
    for look in looks {
        let (wanted, all) = clusters.entry(&look.cluster).or_default();
        *all += look.tasks;
        let Some(mapped) = by_arn.get(&look.arn) else {
            continue;
        };
        if !look.steady || mapped.tasks_sign.as_ref() != Some(&look.sign) {
            wanted.push(Wanted {
                look,
                mapped,
                stopped: !look.steady || mapped.tasks_sign.is_some(),
            });
        }
    }
    clusters.retain(|_, (wanted, _)| !wanted.is_empty());
    if clusters.is_empty() {
        return Ok(Ok(()));
    }
    let ecs = ask!(inner.aws.ecs(scope, Purpose::Read).await);
    let ecs = ecs.as_ref();
    let readings: Vec<_> = clusters
        .into_iter()
        .map(|(cluster, (wanted, all))| reading(ecs, cluster, wanted, all))
        .collect();
    let read: Vec<_> = stream::iter(readings).buffered(ABREAST).collect().await;
    let mut outcome = Ok(());
    let mut tx = inner.db.begin().await?;
    for (wanted, tasks) in read {
        match tasks {
            Ok(mut tasks) => {
                for wanted in wanted {
                    let tasks = tasks.remove(&wanted.look.arn).unwrap_or_default();
                    keep(&mut tx, &wanted, tasks, started).await?;
                }
            }
            // Emulators without tasks: there is nothing to show, and nothing is wrong.
            Err(AwsError::Unsupported(_)) => {}
            Err(cause) => outcome = Err(cause),
        }
    }
    tx.commit().await?;
    Ok(outcome)
}

/// The tasks of what is wanted of a cluster.
async fn reading<'a>(
    ecs: &dyn Ecs,
    cluster: &str,
    wanted: Vec<Wanted<'a>>,
    all: usize,
) -> (Vec<Wanted<'a>>, Result<BTreeMap<String, Vec<EcsTask>>, AwsError>) {
    let tasks = of_cluster(ecs, cluster, &wanted, all).await;
    (wanted, tasks)
}

/// The tasks of some services of a cluster, by service; `all`: tasks in the cluster, as far as services count them.
async fn of_cluster(
    ecs: &dyn Ecs,
    cluster: &str,
    wanted: &[Wanted<'_>],
    all: usize,
) -> Result<BTreeMap<String, Vec<EcsTask>>, AwsError> {
    let together = 2 * all.div_ceil(100).max(1);
    let mut arns = BTreeSet::new();
    let mut owners: BTreeMap<String, &String> = BTreeMap::new();
    for stopped in [false, true] {
        let wanted: Vec<_> = wanted
            .iter()
            .filter(|wanted| wanted.stopped || !stopped)
            .collect();
        if wanted.len() > together {
            arns.extend(ecs.list_tasks(cluster, None, stopped).await?);
            continue;
        }
        for wanted in wanted {
            for arn in ecs.list_tasks(cluster, Some(&wanted.look.arn), stopped).await? {
                owners.insert(arn.clone(), &wanted.look.arn);
                arns.insert(arn);
            }
        }
    }
    let groups: BTreeMap<String, &String> = wanted
        .iter()
        .map(|wanted| (format!("service:{}", wanted.look.name), &wanted.look.arn))
        .collect();
    let mut found: BTreeMap<String, Vec<EcsTask>> = BTreeMap::new();
    let arns: Vec<String> = arns.into_iter().collect();
    for hundred in arns.chunks(100) {
        for task in ecs.describe_tasks(cluster, hundred).await? {
            let by_group = || groups.get(task.group.as_ref()?).copied();
            if let Some(service) = owners.get(&task.arn).copied().or_else(by_group) {
                found.entry(service.clone()).or_default().push(task);
            }
        }
    }
    Ok(found)
}

/// A task as it is stored.
#[derive(PartialEq, Eq, sqlx::FromRow)]
struct Row {
    arn: String,
    task_definition: String,
    status: String,
    desired_status: String,
    health: Option<String>,
    created_at: Millis,
    started_at: Option<Millis>,
    stopped_at: Option<Millis>,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    containers: String,
}

impl Row {
    fn of(task: EcsTask) -> serde_json::Result<Self> {
        Ok(Self {
            containers: serde_json::to_string(&task.containers)?,
            arn: task.arn,
            task_definition: task.task_definition,
            status: task.last_status,
            desired_status: task.desired_status,
            health: task.health,
            created_at: task.created_at,
            started_at: task.started_at,
            stopped_at: task.stopped_at,
            stop_code: task.stop_code,
            stopped_reason: task.stopped_reason,
        })
    }
}

/// Writes the tasks of one service in place of those that were known.
async fn keep(tx: &mut Tx, wanted: &Wanted<'_>, mut tasks: Vec<EcsTask>, now: Millis) -> anyhow::Result<()> {
    let Wanted { look, mapped, .. } = wanted;
    tasks.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
    let mut stopped = 0;
    tasks.retain(|task| {
        stopped += usize::from(task.last_status == "STOPPED");
        task.last_status != "STOPPED" || stopped <= STOPPED_KEPT
    });
    let rows: Vec<Row> = tasks
        .into_iter()
        .map(Row::of)
        .collect::<serde_json::Result<_>>()?;
    let before: Vec<Row> = sqlx::query_as(
        "SELECT arn, task_definition, status, desired_status, health, created_at, started_at, stopped_at, stop_code,
                stopped_reason, containers FROM task WHERE ecs_service_arn = $1",
    )
    .bind(&look.arn)
    .fetch_all(tx.connection())
    .await?;
    let gone = before
        .iter()
        .filter(|was| !rows.iter().any(|row| row.arn == was.arn));
    let new: Vec<&Row> = rows.iter().filter(|row| !before.contains(row)).collect();
    let mut changed = !new.is_empty() || mapped.events.as_ref() != Some(&look.events);
    for was in gone {
        sqlx::query("DELETE FROM task WHERE arn = $1")
            .bind(&was.arn)
            .execute(tx.connection())
            .await?;
        changed = true;
    }
    for row in new {
        write(tx, &look.arn, row).await?;
    }
    sqlx::query("UPDATE ecs_service SET tasks_read_at = $2, tasks_sign = $3, events = $4 WHERE arn = $1")
        .bind(&look.arn)
        .bind(now)
        .bind(&look.sign)
        .bind(&look.events)
        .execute(tx.connection())
        .await?;
    if changed {
        tx.event("slot", mapped.slot_id.clone());
    }
    Ok(())
}

async fn write(tx: &mut Tx, service: &str, row: &Row) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO task (arn, ecs_service_arn, task_definition, status, desired_status, health, created_at,
             started_at, stopped_at, stop_code, stopped_reason, containers)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (arn) DO UPDATE SET ecs_service_arn = $2, task_definition = $3, status = $4,
             desired_status = $5, health = $6, created_at = $7, started_at = $8, stopped_at = $9, stop_code = $10,
             stopped_reason = $11, containers = $12",
    )
    .bind(&row.arn)
    .bind(service)
    .bind(&row.task_definition)
    .bind(&row.status)
    .bind(&row.desired_status)
    .bind(&row.health)
    .bind(row.created_at)
    .bind(row.started_at)
    .bind(row.stopped_at)
    .bind(&row.stop_code)
    .bind(&row.stopped_reason)
    .bind(&row.containers)
    .execute(tx.connection())
    .await?;
    Ok(())
}
