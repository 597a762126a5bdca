//! Beginnings of deployments, in both of AWS's views; their ends are in `verdict`.

use super::engine::{HEED, START, Surroundings};
use super::service::{
    ContainerImage, Deployment, Monitor, Policy, Record, Revision, Rollout, Service, Status,
};
use super::spec::Script;
use super::state::TaskDefinition;
use super::task::{Stage, Task};
use super::verdict::{self, Cause};
use serde_json::Value;

/// Starts a deployment of `definition`; one that is under way is superseded. Says its number.
pub(crate) fn begin(
    service: &mut Service,
    world: &Surroundings<'_>,
    definition: &TaskDefinition,
    at: i64,
) -> u64 {
    let sources: Vec<u64> = service
        .deployments
        .iter()
        .map(|deployment| deployment.number)
        .collect();
    if let Some(record) = service.current_record() {
        record.status = Status::StopRequested;
        record.reason = Some("Service deployment was superseded by a new service deployment.".into());
        record.due = Some(at + world.clock.pace(HEED));
        record.updated_at = at;
    }
    for deployment in &mut service.deployments {
        if deployment.primary {
            deployment.primary = false;
            deployment.wake_at = None;
            deployment.updated_at = at;
        }
    }
    let number = add(service, world, definition, at);
    let ringing = !world
        .alarms
        .ringing(&service.place, &service.policy.alarms)
        .is_empty();
    let watches_alarms = !service.policy.alarms.is_empty() && !ringing;
    let id = service.fresh_word();
    service.records.push(Record {
        id,
        number,
        sources,
        status: Status::Pending,
        reason: None,
        created_at: at,
        updated_at: at,
        started_at: None,
        stopped_at: None,
        finished_at: None,
        rollback: None,
        failures: 0,
        threshold: Policy::threshold(service.desired),
        breaker: Monitor::enabled(service.policy.breaker),
        // An alarm that rings already is not watched for the whole deployment.
        alarms: Monitor::enabled(watches_alarms),
        triggered_alarms: Vec::new(),
        due: Some(at + world.clock.pace(START)),
    });
    service.steady = false;
    number
}

/// How long the first deployment of a seeded service is taken to have lasted.
pub(crate) const SETTLED_MILLIS: i64 = 70_000;

/// Puts the service into a finished deployment of `definition`, as if made long ago.
pub(crate) fn settle(
    service: &mut Service,
    world: &Surroundings<'_>,
    definition: &TaskDefinition,
    created_at: i64,
) {
    let number = begin(service, world, definition, created_at);
    let up = created_at + 40_000;
    let done = created_at + SETTLED_MILLIS;
    for _ in 0..service.desired {
        let id = service.fresh_hex();
        service.tasks.push(Task {
            id,
            number,
            stage: Stage::Running,
            healthy: true,
            fate: None,
            due: None,
            created_at: created_at + 10_000,
            pull_started_at: Some(created_at + 20_000),
            pull_stopped_at: Some(up),
            started_at: Some(up),
            stopping_at: None,
            stopped_at: None,
            ending: None,
            version: 4,
        });
    }
    if let Some(record) = service.current_record() {
        record.status = Status::InProgress;
        record.started_at = Some(created_at + 10_000);
        record.due = None;
    }
    if let Some(primary) = service.primary_mut() {
        primary.begun = true;
    }
    verdict::finish(service, done);
}

fn add(service: &mut Service, world: &Surroundings<'_>, definition: &TaskDefinition, at: i64) -> u64 {
    let number = service.fresh_number();
    let scripted = match service.script {
        Script::Natural => None,
        Script::Fail(failure) => Some(failure),
        Script::FailNext(failure, times) => {
            service.script = if times > 1 {
                Script::FailNext(failure, times - 1)
            } else {
                Script::Natural
            };
            (times > 0).then_some(failure)
        }
    };
    service.revisions.push(revision(definition, number, world, at));
    service.deployments.insert(
        0,
        Deployment {
            number,
            primary: true,
            rollout: Rollout::InProgress,
            reason: format!("ECS deployment ecs-svc/{number} in progress."),
            proven: false,
            created_at: at,
            updated_at: at,
            failed_tasks: 0,
            failures_in_a_row: 0,
            scripted,
            wake_at: None,
            begun: false,
        },
    );
    number
}

fn revision(definition: &TaskDefinition, number: u64, world: &Surroundings<'_>, at: i64) -> Revision {
    let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let containers = definition
        .body
        .get("containerDefinitions")
        .and_then(Value::as_array);
    let containers = containers.map(Vec::as_slice).unwrap_or_default();
    let images = containers.iter().map(|container| {
        let image = text(container, "image").unwrap_or_default();
        ContainerImage {
            container: text(container, "name").unwrap_or_default(),
            digest: world.registry.resolve(&image),
            image,
            essential: container
                .get("essential")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            health_check: container.get("healthCheck").is_some(),
        }
    });
    let secrets = containers
        .iter()
        .filter_map(|container| container.get("secrets")?.as_array())
        .flatten();
    let architecture = definition
        .body
        .pointer("/runtimePlatform/cpuArchitecture")
        .and_then(Value::as_str);
    Revision {
        number,
        task_definition: definition.arn.clone(),
        images: images.collect(),
        cpu: text(&definition.body, "cpu"),
        memory: text(&definition.body, "memory"),
        platform: if architecture == Some("ARM64") {
            "linux/arm64"
        } else {
            "linux/amd64"
        }
        .into(),
        secret: secrets.filter_map(|secret| text(secret, "valueFrom")).next(),
        created_at: at,
    }
}

/// Moves the service deployments on whose time has come.
pub(crate) fn heed(service: &mut Service, world: &Surroundings<'_>, at: i64) {
    for position in 0..service.records.len() {
        let Some(record) = service.records.get_mut(position) else {
            continue;
        };
        if record.due.is_none_or(|due| due > at) {
            continue;
        }
        record.due = None;
        record.updated_at = at;
        match record.status {
            Status::Pending => {
                record.status = Status::InProgress;
                record.started_at = Some(at);
                if let Some(primary) = service.primary_mut() {
                    primary.begun = true;
                    primary.updated_at = at;
                }
            }
            Status::StopRequested => {
                record.status = Status::Stopped;
                record.stopped_at.get_or_insert(at);
                record.finished_at = Some(at);
            }
            Status::RollbackRequested => verdict::fail(service, world, at, Cause::Request),
            // A rollback takes its time, also where nothing has to be started.
            _ => {}
        }
    }
}
