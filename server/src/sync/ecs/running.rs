//! What a service runs, as far as it can be told.

use std::collections::BTreeSet;

use super::Remembered;
use crate::aws::{AwsError, Ecs, EcsDeployment, EcsService};
use crate::service::facts::{Running, RunningContainer, pinned};

/// How often the tasks of one deployment are asked for digests that nothing else told.
const ASK_TASKS: u32 = 3;

/// Rolled out; or of a kind that does not say, as services behind other controllers do.
pub(super) fn settled(deployment: &EcsDeployment) -> bool {
    deployment
        .rollout_state
        .as_deref()
        .is_none_or(|state| state == "COMPLETED")
}

/// What runs: the newest deployment that has settled. One that is rolling out, or failed and was not rolled back,
/// does not run the service as long as an older one has tasks, or it has none itself.
pub(super) fn running(
    service: &EcsService,
    remembered: &Remembered,
    was: Option<Running>,
) -> Option<Running> {
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
pub(super) async fn ask_tasks(
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
