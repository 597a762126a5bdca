//! ECS's records of rollouts, and their tasks.

use app::text::Millis;

use crate::aws::{
    AwsError, Ecs, EcsService, EcsTask, ServiceDeployment, ServiceDeploymentStatus as Status, last_part,
};
use crate::deployment::plan::Record;
use crate::deployment::state::{Following, Registered};
use crate::service::Slot;

/// The newest records that ECS keeps of a service; `None` where this endpoint keeps none.
async fn kept(ecs: &dyn Ecs, slot: &Slot) -> Result<Option<Vec<ServiceDeployment>>, AwsError> {
    match ecs.service_deployments(&slot.cluster, &slot.ecs_service).await {
        Ok(listed) => Ok(Some(listed).filter(|listed| !listed.is_empty())),
        Err(AwsError::Unsupported(_)) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// Those that could be taken for the record of a deployment asked for at that time: a minute for clocks that differ.
fn young(records: Vec<ServiceDeployment>, since: Millis) -> impl Iterator<Item = ServiceDeployment> {
    records
        .into_iter()
        .filter(move |record| record.created_at >= since - 60_000)
}

/// ARNs of the records that are there before ECS is told and could be mistaken for ours later.
pub(super) async fn older(ecs: &dyn Ecs, slot: &Slot, since: Millis) -> Result<Vec<String>, AwsError> {
    let records = kept(ecs, slot).await?.unwrap_or_default();
    Ok(young(records, since).map(|record| record.arn).collect())
}

/// The record of a rollout that brings a task definition and was begun for this deployment, asked for at `since`.
pub(super) async fn by_content(
    ecs: &dyn Ecs,
    slot: &Slot,
    registered: &Registered,
    since: Millis,
) -> Result<Record, AwsError> {
    let Some(listed) = kept(ecs, slot).await? else {
        return Ok(Record::NoneKept);
    };
    let before = &registered.before;
    let candidates: Vec<_> = young(listed, since)
        .filter(|record| {
            record.target_revision.as_deref().map(last_part) != Some(last_part(&before.deployment))
        })
        .filter(|record| !before.older.contains(&record.arn))
        .collect();
    let revisions: Vec<String> = candidates
        .iter()
        .filter_map(|record| record.target_revision.clone())
        .collect();
    if revisions.is_empty() {
        return Ok(Record::NotShown);
    }
    let ours = ecs
        .describe_service_revisions(&revisions)
        .await?
        .into_iter()
        .find(|revision| revision.task_definition == registered.task_definition);
    Ok(ours
        .and_then(|revision| {
            let record = candidates
                .into_iter()
                .find(|record| record.target_revision.as_deref() == Some(&revision.arn))?;
            Some(Record::Shown {
                record,
                revision: Some(revision),
            })
        })
        .unwrap_or(Record::NotShown))
}

/// The record of a rollout.
pub(super) async fn of_rollout(
    ecs: &dyn Ecs,
    slot: &Slot,
    service: Option<&EcsService>,
    following: &Following,
) -> Result<Record, AwsError> {
    let number = last_part(&following.rollout.deployment);
    let is_ours = |target: &Option<String>| target.as_deref().map(last_part) == Some(number);
    let arn = match (
        &following.rollout.record,
        service.and_then(|service| service.current_service_deployment.as_ref()),
    ) {
        (Some(arn), _) | (None, Some(arn)) => vec![arn.clone()],
        (None, None) => vec![],
    };
    let mut found = None;
    if !arn.is_empty() {
        found = match ecs.describe_service_deployments(&arn).await {
            Ok(records) => records
                .into_iter()
                .find(|record| is_ours(&record.target_revision)),
            Err(AwsError::Unsupported(_)) => return Ok(Record::NoneKept),
            Err(AwsError::NotFound(_) | AwsError::Invalid(_)) => None,
            Err(cause) => return Err(cause),
        };
    }
    if found.is_none() {
        let Some(listed) = kept(ecs, slot).await? else {
            return Ok(Record::NoneKept);
        };
        let Some(ours) = listed.into_iter().find(|record| is_ours(&record.target_revision)) else {
            return Ok(Record::NotShown);
        };
        // The list is brief; why it was rolled back stands in the description only.
        found = ecs
            .describe_service_deployments(std::slice::from_ref(&ours.arn))
            .await?
            .into_iter()
            .next()
            .or(Some(ours));
    }
    let Some(record) = found else {
        return Ok(Record::NotShown);
    };
    let revision = match (&record.status, &record.target_revision) {
        (Status::Successful, Some(target)) => ecs
            .describe_service_revisions(std::slice::from_ref(target))
            .await?
            .into_iter()
            .next(),
        _ => None,
    };
    Ok(Record::Shown { record, revision })
}

/// Tasks of a rollout, running and stopped.
pub(super) async fn tasks(
    ecs: &dyn Ecs,
    slot: &Slot,
    following: &Following,
) -> Result<Vec<EcsTask>, AwsError> {
    let mut tasks = ecs.tasks(&slot.cluster, &slot.ecs_service, false).await?;
    tasks.extend(ecs.tasks(&slot.cluster, &slot.ecs_service, true).await?);
    tasks.retain(|task| match &task.started_by {
        Some(by) if by.starts_with("ecs-svc/") => *by == following.rollout.deployment,
        _ => task.task_definition == following.registered.task_definition,
    });
    Ok(tasks)
}
