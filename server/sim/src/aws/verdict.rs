//! Ends of deployments: failure by circuit breaker, alarm or request, rollback, success.
//!
//! Both of AWS's views, `deployments[]` and the service deployment, change together here.

use super::engine::{HEED, START, Surroundings, schedule};
use super::error::AwsError;
use super::service::{Monitor, Record, Rollback, Rollout, Service, Status};
use super::task::{Stage, Task};

/// Keeps the service deployment's failure count equal to what the circuit breaker sees; what made it trip
/// stays to be read.
pub(crate) fn count_failures(service: &mut Service) {
    let forward = |record: &&mut Record| record.status == Status::InProgress;
    let failures = service.primary().map(|primary| primary.failures_in_a_row);
    if let (Some(failures), Some(record)) = (failures, service.current_record().filter(forward)) {
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
    let Some(record) = service
        .current_record()
        .filter(|record| record.status.is_undecided())
    else {
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
pub(crate) enum Cause {
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
pub(crate) fn fail(service: &mut Service, world: &Surroundings<'_>, at: i64, cause: Cause) {
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
        record.due = Some(at + world.clock.pace(START));
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
        let ripe = |record: &&mut Record| record.status.is_undecided() && record.due.is_none();
        let Some(record) = service.current_record().filter(ripe) else {
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
