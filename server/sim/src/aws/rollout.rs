//! Beginnings and ends of deployments: both of AWS's views of them change here and nowhere else.

use super::engine::{HEED, START, Surroundings, schedule, undecided};
use super::error::AwsError;
use super::service::{
    ContainerImage, Deployment, Monitor, Policy, Record, Revision, Rollback, Rollout, Service, Stage, Status,
    Task,
};
use super::spec::Script;
use super::state::TaskDefinition;
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

/// Puts the service into a finished deployment of `definition`, as if made long ago.
pub(crate) fn settle(
    service: &mut Service,
    world: &Surroundings<'_>,
    definition: &TaskDefinition,
    created_at: i64,
) {
    let number = begin(service, world, definition, created_at);
    let up = created_at + 40_000;
    let done = created_at + 70_000;
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
    finish(service, done);
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
            Status::RollbackRequested => {
                fail(service, world, at, Cause::Request);
            }
            _ => {}
        }
    }
}

/// Keeps the service deployment's failure count equal to what the circuit breaker sees.
pub(crate) fn count_failures(service: &mut Service) {
    let failures = service.primary().map(|primary| primary.failures_in_a_row);
    if let (Some(failures), Some(record)) = (failures, service.current_record()) {
        record.failures = failures;
    }
}

/// Trips the circuit breaker or heeds an alarm, if the deployment under way has earned it.
pub(crate) fn judge(service: &mut Service, world: &Surroundings<'_>, at: i64) {
    let ringing = world.alarms.ringing(&service.place, &service.policy.alarms);
    let Some(failures) = service
        .primary()
        .filter(|primary| primary.rollout == Rollout::InProgress)
        .map(|primary| primary.failures_in_a_row)
    else {
        return;
    };
    let Some(record) = service.current_record().filter(|record| undecided(record.status)) else {
        return;
    };
    // It watches a rollback too, whatever it has seen before.
    if record.breaker != Monitor::Disabled && failures >= record.threshold {
        record.breaker = Monitor::Triggered;
        fail(service, world, at, Cause::Breaker);
    } else if record.alarms == Monitor::Monitoring && !ringing.is_empty() {
        record.alarms = Monitor::Triggered;
        record.triggered_alarms = ringing;
        fail(service, world, at, Cause::Alarm);
    }
}

/// Why a deployment is given up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Breaker,
    Alarm,
    Request,
}

impl Cause {
    fn mechanism(self) -> &'static str {
        match self {
            Self::Breaker => "deployment circuit breaker",
            Self::Alarm => "deployment alarm",
            Self::Request => "deployment stopped by request",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Breaker => "tasks failed to start.",
            Self::Alarm => "alarm detected.",
            Self::Request => "stopped by request.",
        }
    }

    fn rollback_reason(self) -> &'static str {
        match self {
            Self::Breaker => {
                "Service deployment rolled back because the circuit breaker threshold was exceeded."
            }
            Self::Alarm => "Service deployment rolled back because an alarm was detected.",
            Self::Request => "Service deployment rolled back because of a user request.",
        }
    }
}

/// The primary deployment has failed: back to the last proven one, or leave it as it is.
fn fail(service: &mut Service, world: &Surroundings<'_>, at: i64, cause: Cause) {
    let may_roll_back = service.policy.rollback || cause == Cause::Request;
    let target = service.rollback_target().filter(|_| may_roll_back);
    let (mechanism, what) = (cause.mechanism(), cause.what());
    let Some(failed) = service.primary_mut() else {
        return;
    };
    let number = failed.number;
    failed.rollout = Rollout::Failed;
    failed.reason = format!("ECS {mechanism}: {what}");
    failed.updated_at = at;
    failed.wake_at = None;
    failed.begun = true;
    let Some(record) = service.current_record() else {
        return;
    };
    record.updated_at = at;
    record.stopped_at.get_or_insert(at);
    if record.status == Status::RollbackInProgress {
        record.status = Status::RollbackFailed;
        record.reason = Some(format!("Service deployment rollback failed: {what}"));
        record.finished_at = Some(at);
    } else if let Some(target) = target {
        let reason = cause.rollback_reason();
        record.status = Status::RollbackInProgress;
        record.reason = Some(reason.into());
        record.rollback = Some(Rollback {
            reason: reason.into(),
            started_at: at,
            number: target,
        });
        for deployment in &mut service.deployments {
            deployment.primary = deployment.number == target;
            if deployment.primary {
                deployment.rollout = Rollout::InProgress;
                deployment.reason =
                    format!("ECS {mechanism}: rolling back to deploymentId ecs-svc/{target}.");
                deployment.failures_in_a_row = 0;
                deployment.updated_at = at;
            }
        }
    } else {
        record.status = Status::StopRequested;
        record.reason = Some(format!("Service deployment failed: {what}"));
        record.due = Some(at + world.clock.pace(HEED));
    }
    service.say(
        at,
        format!("(deployment ecs-svc/{number}) deployment failed: {what}"),
    );
    if let Some(target) = target.filter(|target| *target != number) {
        service.say(at, format!("rolling back to deployment ecs-svc/{target}."));
    }
}

/// Notices that the primary deployment has all its tasks and the others none.
pub(crate) fn finish(service: &mut Service, at: i64) {
    let Some(primary) = service.primary() else { return };
    let (number, rollout) = (primary.number, primary.rollout);
    let tasks = &service.tasks;
    service.deployments.retain(|deployment| {
        let alive = || {
            tasks
                .iter()
                .any(|t| t.number == deployment.number && t.stage != Stage::Stopped)
        };
        deployment.primary || deployment.proven || alive()
    });
    let alive = |task: &&Task| task.stage != Stage::Stopped;
    let mine = tasks.iter().filter(|task| task.number == number && task.wanted());
    let full = mine.clone().count() == service.desired as usize && mine.clone().all(|task| task.healthy);
    let others = tasks
        .iter()
        .filter(alive)
        .any(|task| task.number != number || !task.wanted());
    if rollout == Rollout::Failed || !full || others || service.steady {
        return;
    }
    if rollout == Rollout::InProgress {
        let Some(record) = service.current_record().filter(|record| undecided(record.status)) else {
            return;
        };
        let rolled_back = record.status == Status::RollbackInProgress;
        record.status = if rolled_back {
            Status::RollbackSuccessful
        } else {
            Status::Successful
        };
        record.finished_at = Some(at);
        record.updated_at = at;
        for monitor in [&mut record.breaker, &mut record.alarms] {
            if *monitor == Monitor::Monitoring {
                *monitor = Monitor::Complete;
            }
        }
        service.deployments.retain(|deployment| deployment.primary);
        if let Some(primary) = service.primary_mut() {
            primary.rollout = Rollout::Completed;
            primary.proven = true;
            primary.updated_at = at;
            if !rolled_back {
                primary.reason = format!("ECS deployment ecs-svc/{number} completed.");
            }
        }
        service.say(at, format!("(deployment ecs-svc/{number}) deployment completed."));
    }
    service.steady = true;
    service.say(at, "has reached a steady state.");
}

/// StopServiceDeployment: a deployment that is still going forward turns back.
pub(crate) fn request_stop(
    service: &mut Service,
    world: &Surroundings<'_>,
    id: &str,
    at: i64,
) -> Result<Status, AwsError> {
    let not_found = || {
        AwsError::new(
            "ServiceDeploymentNotFoundException",
            "The service deployment was not found.",
        )
    };
    let record = service
        .records
        .iter_mut()
        .find(|record| record.id == id)
        .ok_or_else(not_found)?;
    if record.status.is_terminal() {
        return Err(AwsError::new(
            "ConflictException",
            format!(
                "The service deployment is in the {} state and cannot be stopped.",
                record.status.as_str()
            ),
        ));
    }
    if matches!(record.status, Status::Pending | Status::InProgress) {
        record.status = Status::RollbackRequested;
        record.updated_at = at;
        record.stopped_at = Some(at);
        record.due = Some(at + world.clock.pace(HEED));
    }
    let status = record.status;
    schedule(service, world, at);
    Ok(status)
}
