//! ListTasks and DescribeTasks.

use super::missing;
use crate::aws::call::{Call, compact, seconds, with_token};
use crate::aws::error::AwsError;
use crate::aws::service::{ContainerImage, Revision, Service, hex};
use crate::aws::spec::Failure;
use crate::aws::state::{State, last_part};
use crate::aws::task::{Stage, Task};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(super) fn list(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let cluster = state.cluster(&call.place, call.text("cluster"))?;
    let running = match call.text("desiredStatus") {
        None | Some("RUNNING") => true,
        // AWS has no tasks that are wanted pending.
        Some("PENDING") => return Ok(json!({ "taskArns": [] })),
        Some("STOPPED") => false,
        Some(other) => return Err(AwsError::invalid(format!("Invalid desiredStatus: {other}."))),
    };
    let name = call.text("serviceName").map(last_part);
    if name.is_some_and(|name| !cluster.services.contains_key(name)) {
        return Err(AwsError::service_not_found());
    }
    let (family, started_by) = (call.text("family"), call.text("startedBy"));
    let mut arns = Vec::new();
    for service in cluster
        .services
        .values()
        .filter(|service| name.is_none_or(|name| name == service.name))
    {
        for task in service.tasks.iter().filter(|task| task.wanted() == running) {
            let revision = service.revision(task.number);
            let of_family = |family: &str| {
                revision.is_some_and(|revision| {
                    last_part(&revision.task_definition).split(':').next() == Some(family)
                })
            };
            let by = |by: &str| by == format!("ecs-svc/{}", task.number);
            if family.is_none_or(of_family) && started_by.is_none_or(by) {
                arns.push(service.task_arn(&task.id));
            }
        }
    }
    arns.sort();
    let (page, token) = call.page(arns, 100, 100)?;
    Ok(with_token(json!({ "taskArns": page }), token))
}

pub(super) fn describe(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let cluster = state.cluster(&call.place, call.text("cluster"))?;
    let asked = call.limited("tasks", "Tasks", 100)?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for name in asked {
        let id = last_part(name);
        let found = cluster.services.values().find_map(|service| {
            service
                .tasks
                .iter()
                .find(|task| task.id == id)
                .map(|task| shown(service, task))
        });
        match found {
            Some(task) => tasks.push(task),
            None => {
                failures.push(missing(
                    &call.place.arn("ecs", &format!("task/{}/{id}", cluster.name)),
                ));
            }
        }
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

fn shown(service: &Service, task: &Task) -> Value {
    let revision = service.revision(task.number);
    let time = |at: Option<i64>| at.map(seconds);
    let fargate = service.launch_type == "FARGATE";
    let images = revision
        .map(|revision| revision.images.as_slice())
        .unwrap_or_default();
    compact(json!({
        "attachments": [],
        "attributes": [],
        "availabilityZone": format!("{}{}", service.place.region, zone(&task.id)),
        "clusterArn": service.cluster_arn(),
        "connectivity": task.started_at.map(|_| "CONNECTED"),
        "connectivityAt": time(task.pull_started_at),
        "containers": images.iter().map(|image| container(service, task, image)).collect::<Vec<_>>(),
        "cpu": size(revision, |revision| revision.cpu.as_ref(), "256"),
        "createdAt": seconds(task.created_at),
        "desiredStatus": if task.wanted() { "RUNNING" } else { "STOPPED" },
        "enableExecuteCommand": false,
        "executionStoppedAt": time(task.stopped_at),
        "group": format!("service:{}", service.name),
        "healthStatus": health(task, images.iter().any(|image| image.health_check)),
        "lastStatus": task.stage.as_str(),
        "launchType": service.launch_type,
        "memory": size(revision, |revision| revision.memory.as_ref(), "512"),
        "overrides": { "containerOverrides": [], "inferenceAcceleratorOverrides": [] },
        "platformVersion": fargate.then_some("1.4.0"),
        "platformFamily": fargate.then_some("Linux"),
        "pullStartedAt": time(task.pull_started_at),
        "pullStoppedAt": time(task.pull_stopped_at),
        "startedAt": time(task.started_at),
        "startedBy": format!("ecs-svc/{}", task.number),
        "stopCode": task.ending.as_ref().map(|ending| ending.stop_code),
        "stoppedAt": time(task.stopped_at),
        "stoppedReason": task.ending.as_ref().map(|ending| &ending.stopped_reason),
        "stoppingAt": time(task.stopping_at),
        "tags": [],
        "taskArn": service.task_arn(&task.id),
        "taskDefinitionArn": revision.map(|revision| &revision.task_definition),
        "version": task.version,
    }))
}

fn container(service: &Service, task: &Task, image: &ContainerImage) -> Value {
    // What ends a task happens in its essential container; the others are stopped after it.
    let ending = task
        .ending
        .as_ref()
        .filter(|_| image.essential && task.stage == Stage::Stopped);
    let pulled = image.digest.as_ref().filter(|_| task.pull_stopped_at.is_some());
    let own = format!("{} {}", task.id, image.container);
    let runtime: String = hex(&Sha256::digest(own)).chars().take(10).collect();
    compact(json!({
        "containerArn": service.place.arn("ecs", &format!("container/{}/{}/{runtime}", service.cluster, task.id)),
        "taskArn": service.task_arn(&task.id),
        "name": image.container,
        "image": image.image,
        "imageDigest": pulled,
        "runtimeId": task.started_at.map(|_| format!("{}-{runtime}", task.id)),
        "lastStatus": match task.stage {
            Stage::Provisioning | Stage::Pending => "PENDING",
            Stage::Running | Stage::Stopping => "RUNNING",
            Stage::Stopped => "STOPPED",
        },
        "exitCode": ending.and_then(|ending| ending.exit_code),
        "reason": ending.and_then(|ending| ending.container_reason.as_ref()),
        "networkBindings": [],
        "networkInterfaces": [],
        "healthStatus": health(task, image.health_check),
        "cpu": "0",
    }))
}

/// Known only where a container has a health check, and only once it was made.
fn health(task: &Task, checked: bool) -> &'static str {
    let failed = task
        .ending
        .as_ref()
        .is_some_and(|ending| ending.failure == Some(Failure::HealthCheck));
    match (task.healthy && task.stage == Stage::Running, failed) {
        (_, true) => "UNHEALTHY",
        (true, _) if checked => "HEALTHY",
        _ => "UNKNOWN",
    }
}

fn size(revision: Option<&Revision>, of: fn(&Revision) -> Option<&String>, otherwise: &str) -> String {
    revision.and_then(of).cloned().unwrap_or_else(|| otherwise.into())
}

fn zone(id: &str) -> char {
    match id.bytes().next().unwrap_or(0) % 3 {
        0 => 'a',
        1 => 'b',
        _ => 'c',
    }
}
