//! What never changes and is asked for once: task definitions, and the digests of service revisions. Written as soon as
//! it is read: whatever else of the round fails, it is not asked for again.

use std::collections::BTreeSet;

use app::text::Millis;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::running::settled;
use super::{ABREAST, Remembered};
use crate::aws::{AwsError, Ecs, EcsService, ServiceRevision, TaskDefinition};
use crate::service::remember_task_definition;
use crate::sync::{Inner, Outcome};

/// Reads task definitions never seen before.
pub(super) async fn definitions(
    inner: &Inner,
    ecs: &dyn Ecs,
    remembered: &mut Remembered,
    services: &[EcsService],
) -> Outcome {
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
    let found = ask!(found);
    if found.is_empty() {
        return Ok(Ok(()));
    }
    let mut tx = inner.db.begin().await?;
    for definition in &found {
        remember_task_definition(&mut tx, &inner.cipher, definition).await?;
    }
    tx.commit().await?;
    remembered.images.extend(
        found
            .iter()
            .map(|definition| (definition.arn.clone(), definition.images())),
    );
    Ok(Ok(()))
}

/// Reads service revisions of settled deployments never seen before: they have the digests.
pub(super) async fn revisions(
    inner: &Inner,
    ecs: &dyn Ecs,
    remembered: &mut Remembered,
    services: &[EcsService],
    now: Millis,
) -> Outcome {
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
                return Ok(Ok(()));
            }
            Err(cause) => return Ok(Err(cause)),
        }
    }
    // Digests come while the first tasks start; only what is complete never changes again.
    found.retain(|revision| {
        !revision.images.is_empty() && revision.images.iter().all(|(.., digest)| digest.is_some())
    });
    if found.is_empty() {
        return Ok(Ok(()));
    }
    let mut tx = inner.db.begin().await?;
    for revision in &found {
        sqlx::query(
            "INSERT INTO service_revision (arn, task_definition, images, seen_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (arn) DO NOTHING",
        )
        .bind(&revision.arn)
        .bind(&revision.task_definition)
        .bind(serde_json::to_string(&revision.images)?)
        .bind(now)
        .execute(tx.connection())
        .await?;
    }
    tx.commit().await?;
    let found = found.into_iter().map(|revision| (revision.arn.clone(), revision));
    remembered.revisions.extend(found);
    Ok(Ok(()))
}
