//! ECS of one account and region: names in the slow lane, services in the fast lane, what never changes once.

use std::collections::{BTreeMap, BTreeSet};

use app::text::Millis;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::{Inner, Outcome};
use crate::aws::{AwsError, Ecs, EcsDeployment, EcsService, Purpose, Scope, ServiceRevision, TaskDefinition};
use crate::service::facts::{Facts, Running, RunningContainer, pinned};
use crate::service::remember_task_definition;

/// Milliseconds from one listing of names to the next.
const NAMES_EVERY: Millis = 60_000;
/// Calls side by side: enough to reach what the limiter allows.
const ABREAST: usize = 8;
/// How often the tasks of one deployment are asked for digests that nothing else told.
const ASK_TASKS: u32 = 3;

/// What is remembered from round to round.
#[derive(Default)]
pub(super) struct Remembered {
    names_at: Option<Millis>,
    /// Services by cluster.
    names: BTreeMap<String, Vec<String>>,
    /// Containers and images of task definitions.
    images: BTreeMap<String, Vec<(String, String)>>,
    /// Service revisions whose digests are all known.
    revisions: BTreeMap<String, ServiceRevision>,
    /// How often the tasks of a deployment were asked.
    asked: BTreeMap<String, u32>,
    /// The endpoint has no service revisions.
    no_revisions: bool,
}

/// A service as it was before this round.
struct Before {
    facts: Facts,
    document: String,
    containers: String,
    slot_id: Option<String>,
}

/// Reads one account and region.
pub(super) async fn round(inner: &Inner, scope: &Scope, remembered: &mut Remembered) -> Outcome {
    let started = inner.db.now();
    let before = before(inner, scope).await?;
    let read = match read(inner, scope, remembered, &before, started).await? {
        Ok(read) => read,
        Err(cause) => {
            if matches!(cause, AwsError::NotFound(_)) {
                remembered.names_at = None; // A cluster is gone: list the names again.
            }
            return Ok(Err(cause));
        }
    };
    keep(inner, scope, before, read, remembered, started).await?;
    Ok(Ok(()))
}

/// What a complete round brought.
struct Read {
    facts: Vec<Facts>,
    definitions: Vec<TaskDefinition>,
    revisions: Vec<ServiceRevision>,
}

async fn read(
    inner: &Inner,
    scope: &Scope,
    remembered: &mut Remembered,
    before: &BTreeMap<String, Before>,
    now: Millis,
) -> anyhow::Result<Result<Read, AwsError>> {
    macro_rules! ask {
        ($call:expr) => {
            match $call {
                Ok(answer) => answer,
                Err(cause) => return Ok(Err(cause)),
            }
        };
    }
    let ecs = ask!(inner.aws.ecs(scope, Purpose::Read).await);
    let ecs = ecs.as_ref();
    if remembered
        .names_at
        .is_none_or(|at| now - at >= inner.paced(NAMES_EVERY))
    {
        let clusters = ask!(ecs.clusters().await);
        let listed = stream::iter(clusters)
            .map(|cluster| async move { Ok((cluster.clone(), ecs.services(&cluster).await?)) })
            .buffered(ABREAST)
            .try_collect()
            .await;
        remembered.names = ask!(listed);
        remembered.names_at = Some(now);
    }
    let tens: Vec<(String, Vec<String>)> = remembered
        .names
        .iter()
        .flat_map(|(cluster, services)| services.chunks(10).map(|ten| (cluster.clone(), ten.to_vec())))
        .collect();
    let described: Result<Vec<Vec<EcsService>>, AwsError> = stream::iter(tens)
        .map(|(cluster, ten)| async move { ecs.describe_services(&cluster, &ten).await })
        .buffered(ABREAST)
        .try_collect()
        .await;
    let mut services: Vec<EcsService> = ask!(described).into_iter().flatten().collect();
    services.retain(|service| service.status != "INACTIVE");
    for service in &mut services {
        service.events.clear();
    }
    let definitions = ask!(new_definitions(inner, ecs, remembered, &services).await?);
    let revisions = ask!(new_revisions(inner, ecs, remembered, &services).await?);
    let mut facts = Vec::new();
    for service in services {
        let was = before
            .get(&service.arn)
            .and_then(|before| before.facts.running.clone());
        let mut running = running(&service, remembered, was);
        if let Some(running) = running
            .as_mut()
            .filter(|running| running.unclear() && service.running > 0)
        {
            ask!(ask_tasks(ecs, &service, running, remembered).await);
        }
        facts.push(Facts { service, running });
    }
    Ok(Ok(Read {
        facts,
        definitions,
        revisions,
    }))
}

/// Task definitions never seen before.
async fn new_definitions(
    inner: &Inner,
    ecs: &dyn Ecs,
    remembered: &mut Remembered,
    services: &[EcsService],
) -> anyhow::Result<Result<Vec<TaskDefinition>, AwsError>> {
    let mut wanted = BTreeSet::new();
    for service in services {
        let primary = service.primary().map(|primary| &primary.task_definition);
        for arn in [Some(&service.task_definition), primary].into_iter().flatten() {
            if arn.is_empty() || remembered.images.contains_key(arn) {
                continue;
            }
            let kept: Option<String> =
                sqlx::query_scalar("SELECT images FROM task_definition WHERE arn = $1")
                    .bind(arn)
                    .fetch_optional(inner.db.read())
                    .await?;
            match kept {
                Some(images) => {
                    remembered
                        .images
                        .insert(arn.clone(), serde_json::from_str(&images)?);
                }
                None => {
                    wanted.insert(arn.clone());
                }
            }
        }
    }
    let found: Result<Vec<TaskDefinition>, AwsError> = stream::iter(wanted)
        .map(|arn| async move {
            match ecs.task_definition(&arn).await {
                // Deleted while it is still in use: its service goes on, with nothing known of its containers.
                Err(AwsError::NotFound(_)) => Ok(None),
                other => other.map(Some),
            }
        })
        .buffered(ABREAST)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await;
    if let Ok(found) = &found {
        remembered.images.extend(
            found
                .iter()
                .map(|definition| (definition.arn.clone(), definition.images())),
        );
    }
    Ok(found)
}

/// Service revisions of settled deployments never seen before: they have the digests.
async fn new_revisions(
    inner: &Inner,
    ecs: &dyn Ecs,
    remembered: &mut Remembered,
    services: &[EcsService],
) -> anyhow::Result<Result<Vec<ServiceRevision>, AwsError>> {
    let mut wanted = Vec::new();
    for service in services
        .iter()
        .filter(|service| service.primary().is_some_and(settled))
    {
        let Some(arn) = &service.current_service_revision else {
            continue;
        };
        if remembered.no_revisions || remembered.revisions.contains_key(arn) {
            continue;
        }
        let kept: Option<(String, String)> =
            sqlx::query_as("SELECT task_definition, images FROM service_revision WHERE arn = $1")
                .bind(arn)
                .fetch_optional(inner.db.read())
                .await?;
        match kept {
            Some((task_definition, images)) => {
                let images = serde_json::from_str(&images)?;
                let revision = ServiceRevision {
                    arn: arn.clone(),
                    task_definition,
                    images,
                };
                remembered.revisions.insert(arn.clone(), revision);
            }
            None => wanted.push(arn.clone()),
        }
    }
    let mut found = Vec::new();
    for twenty in wanted.chunks(20) {
        match ecs.describe_service_revisions(twenty).await {
            Ok(revisions) => found.extend(revisions),
            Err(AwsError::Unsupported(_)) => {
                remembered.no_revisions = true;
                return Ok(Ok(Vec::new()));
            }
            Err(cause) => return Ok(Err(cause)),
        }
    }
    // Digests come while the first tasks start; only what is complete never changes again.
    found.retain(|revision| {
        !revision.images.is_empty() && revision.images.iter().all(|(.., digest)| digest.is_some())
    });
    remembered.revisions.extend(
        found
            .iter()
            .map(|revision| (revision.arn.clone(), revision.clone())),
    );
    Ok(Ok(found))
}

/// Rolled out; or of a kind that does not say, as services behind other controllers do.
fn settled(deployment: &EcsDeployment) -> bool {
    deployment
        .rollout_state
        .as_deref()
        .is_none_or(|state| state == "COMPLETED")
}

/// What runs: the newest deployment that has settled. One that is rolling out, or failed and was not rolled back,
/// does not run the service as long as an older one has tasks, or it has none itself.
fn running(service: &EcsService, remembered: &Remembered, was: Option<Running>) -> Option<Running> {
    let primary = service.primary()?;
    let others_run = service
        .deployments
        .iter()
        .any(|other| other.id != primary.id && other.running > 0);
    if !settled(primary) && (others_run || (was.is_some() && primary.running == 0)) {
        return was;
    }
    let kept = was.filter(|was| was.deployment == primary.id);
    let revision = service
        .current_service_revision
        .as_ref()
        .and_then(|arn| remembered.revisions.get(arn));
    let containers = remembered.images.get(&primary.task_definition)?;
    Some(Running {
        deployment: primary.id.clone(),
        task_definition: primary.task_definition.clone(),
        since: primary.created_at,
        containers: containers
            .iter()
            .map(|(name, image)| {
                let by_revision = revision.and_then(|revision| {
                    revision
                        .images
                        .iter()
                        .find(|(container, ..)| container == name)?
                        .2
                        .clone()
                });
                let known = kept.as_ref().and_then(|was| was.container(name)?.digest.clone());
                RunningContainer {
                    name: name.clone(),
                    image: image.clone(),
                    digest: by_revision.or_else(|| pinned(image).map(str::to_owned)).or(known),
                }
            })
            .collect(),
    })
}

/// The last resort for digests: the tasks themselves.
async fn ask_tasks(
    ecs: &dyn Ecs,
    service: &EcsService,
    running: &mut Running,
    remembered: &mut Remembered,
) -> Result<(), AwsError> {
    let asked = remembered.asked.entry(running.deployment.clone()).or_default();
    if *asked >= ASK_TASKS {
        return Ok(());
    }
    *asked += 1;
    let tasks = match ecs.tasks(&service.cluster_arn, &service.arn, false).await {
        Ok(tasks) => tasks,
        Err(AwsError::Unsupported(_)) => return Ok(()),
        Err(cause) => return Err(cause),
    };
    let ours: Vec<_> = tasks
        .iter()
        .filter(|task| task.task_definition == running.task_definition)
        .collect();
    for container in running
        .containers
        .iter_mut()
        .filter(|container| container.digest.is_none())
    {
        let digests: BTreeSet<&String> = ours
            .iter()
            .flat_map(|task| &task.containers)
            .filter(|one| one.name == container.name)
            .filter_map(|one| one.digest.as_ref())
            .collect();
        // Two digests at once: a moved tag. Neither is what runs.
        if digests.len() == 1 {
            container.digest = digests.first().map(|digest| (*digest).clone());
        }
    }
    Ok(())
}

async fn before(inner: &Inner, scope: &Scope) -> anyhow::Result<BTreeMap<String, Before>> {
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

async fn keep(
    inner: &Inner,
    scope: &Scope,
    mut before: BTreeMap<String, Before>,
    read: Read,
    remembered: &Remembered,
    started: Millis,
) -> anyhow::Result<()> {
    let mut tx = inner.db.begin().await?;
    for definition in &read.definitions {
        remember_task_definition(&mut tx, &inner.cipher, definition).await?;
    }
    for revision in &read.revisions {
        sqlx::query(
            "INSERT INTO service_revision (arn, task_definition, images, seen_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (arn) DO NOTHING",
        )
        .bind(&revision.arn)
        .bind(&revision.task_definition)
        .bind(serde_json::to_string(&revision.images)?)
        .bind(started)
        .execute(tx.connection())
        .await?;
    }
    for facts in &read.facts {
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
            "UPDATE ecs_service SET gone_at = $2, slot_id = NULL, unmapped_why = NULL WHERE arn = $1",
        )
        .bind(&arn)
        .bind(started)
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
