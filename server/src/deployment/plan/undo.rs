//! Putting the slot back, as carefully as it was moved: ECS is asked to roll back its own rollout; where it cannot,
//! the service is pointed at what ran before, and that is followed to its end. There is a deadline for this too.

use app::text::Millis;

use super::follow::stop;
use super::{Observed, Record, Step, Subject, rollout_of, superseded};
use crate::aws::{EcsService, ServiceDeploymentStatus as Status, short_task_definition};
use crate::deployment::state::{Back, Rollout, Undoing, Way};

pub(super) fn undo(subject: &Subject, seen: &Observed, undoing: &Undoing, now: Millis) -> Step {
    let Some(service) = seen.service.as_ref() else {
        return stop(
            undoing
                .clone()
                .stuck("And then ECS did not know the service any more."),
        );
    };
    let step = match &undoing.way {
        Way::Undecided => decide(subject, seen, undoing),
        Way::Stop { record } => by_ecs(subject, seen, service, undoing, record),
        Way::Return { rollout: None } => turn_back(subject, seen, service, undoing),
        Way::Return {
            rollout: Some(rollout),
        } => follow_back(seen, service, undoing, rollout),
        Way::Restore => restore(subject, seen, service, undoing),
    };
    match step {
        Step::Go { .. } => step,
        _ if now >= undoing.deadline_at => extended(subject, undoing, now).unwrap_or_else(|| {
            stop(
                undoing
                    .clone()
                    .stuck("The slot could not be put back until the deadline for that."),
            )
        }),
        step => step,
    }
}

/// With a new deadline, once, where nobody looked while the old one passed.
pub(super) fn extended(subject: &Subject, undoing: &Undoing, now: Millis) -> Option<Step> {
    (subject.unattended(now) && !undoing.extended).then(|| {
        Step::go(
            undoing.clone().extend(now),
            "Nobody looked while the deadline passed: it is set anew, once.",
        )
    })
}

/// Whether a task definition is what the slot is to return to, or what ran before itself.
fn returns(undoing: &Undoing, task_definition: &str) -> bool {
    task_definition == undoing.target()
        || task_definition == undoing.following.registered.before.task_definition
}

fn put_back(undoing: &Undoing) -> Step {
    let to = undoing.clone().done();
    let other = undoing.back.as_ref().and_then(|back| back.digest.as_ref());
    let detail = match (other, to.failure()) {
        (Some(_), Some(failure)) => failure.sentence.clone(),
        _ => format!(
            "The service runs {} again.",
            short_task_definition(undoing.target())
        ),
    };
    Step::go(to, detail)
}

fn status(seen: &Observed) -> Option<&Status> {
    match &seen.record {
        Record::Shown { record, .. } => Some(&record.status),
        Record::NotShown | Record::NoneKept => None,
    }
}

fn decide(subject: &Subject, seen: &Observed, undoing: &Undoing) -> Step {
    match (status(seen), &seen.record) {
        (Some(status), Record::Shown { record, .. }) if !status.terminal() => Step::go(
            undoing.clone().by(Way::Stop {
                record: record.arn.clone(),
            }),
            "The rollout still goes on: ECS is asked to roll it back.",
        ),
        (Some(Status::RollbackSuccessful), Record::Shown { record, .. }) => Step::go(
            undoing.clone().by(Way::Stop {
                record: record.arn.clone(),
            }),
            "ECS has rolled it back.",
        ),
        (None, Record::NotShown) if !seen.settled => {
            Step::wait(&subject.state, "ECS does not show its record of the rollout yet.")
        }
        _ => Step::go(
            undoing.clone().by(Way::Return { rollout: None }),
            "ECS has nothing to roll back: the service is pointed at what ran before.",
        ),
    }
}

fn by_ecs(subject: &Subject, seen: &Observed, service: &EcsService, undoing: &Undoing, record: &str) -> Step {
    match status(seen) {
        Some(Status::Pending | Status::InProgress) => {
            let primary = service.primary();
            let ours = primary.is_some_and(|primary| primary.id == undoing.following.rollout.deployment);
            if !ours {
                let foreign = superseded(&undoing.following.registered, primary);
                return stop(undoing.clone().stuck(&foreign));
            }
            if !seen.settled {
                return Step::wait(
                    &subject.state,
                    "ECS was asked to roll back; waiting until it shows.",
                );
            }
            Step::Stop {
                record: record.to_owned(),
            }
        }
        Some(Status::RollbackSuccessful) => {
            let back = service
                .primary()
                .is_some_and(|primary| returns(undoing, &primary.task_definition));
            if back {
                put_back(undoing)
            } else {
                Step::wait(
                    &subject.state,
                    "ECS says it rolled back; waiting until its service shows it.",
                )
            }
        }
        Some(Status::Successful | Status::Stopped | Status::RollbackFailed) => Step::go(
            undoing.clone().by(Way::Return { rollout: None }),
            "ECS did not roll back: the service is pointed at what ran before.",
        ),
        _ => Step::wait(&subject.state, "ECS rolls back."),
    }
}

fn turn_back(subject: &Subject, seen: &Observed, service: &EcsService, undoing: &Undoing) -> Step {
    let before = &undoing.following.registered.before;
    match service.primary() {
        Some(primary) if returns(undoing, &primary.task_definition) => {
            let mut undoing = undoing.clone();
            undoing.back = undoing
                .back
                .filter(|back| back.task_definition == primary.task_definition);
            Step::go(
                undoing.by(Way::Return {
                    rollout: Some(rollout_of(primary, seen, primary.id == before.deployment)),
                }),
                format!(
                    "ECS rolls out {} as {}.",
                    short_task_definition(&primary.task_definition),
                    primary.id
                ),
            )
        }
        Some(primary) if primary.id == undoing.following.rollout.deployment => {
            if seen.settled {
                Step::Update {
                    task_definition: undoing.target().to_owned(),
                }
            } else {
                Step::wait(
                    &subject.state,
                    "A call made before may still show its effect; looking again before another.",
                )
            }
        }
        primary => {
            let foreign = superseded(&undoing.following.registered, primary);
            stop(undoing.clone().stuck(&foreign))
        }
    }
}

fn follow_back(seen: &Observed, service: &EcsService, undoing: &Undoing, rollout: &Rollout) -> Step {
    let primary = service.primary();
    let Some(back) = primary.filter(|primary| primary.id == rollout.deployment) else {
        let foreign = superseded(&undoing.following.registered, primary);
        return stop(undoing.clone().stuck(&foreign));
    };
    let done = || put_back(undoing);
    let failed = || {
        stop(
            undoing
                .clone()
                .stuck("What ran before does not come up again either."),
        )
    };
    // The record of what ran before tells of its first rollout, not of this one.
    let record = status(seen).filter(|_| !rollout.ran_before);
    match (record, back.rollout_state.as_deref()) {
        (Some(Status::Successful), _) => done(),
        (Some(status), _) if status.terminal() => failed(),
        (None, Some("COMPLETED")) => done(),
        (None, Some("FAILED")) => failed(),
        (None, None) if seen.settled && service.deployments.len() == 1 && back.desired > 0 && back.running >= back.desired => {
            stop(undoing.clone().stuck(&format!(
                "The service was pointed at {} again, whose tasks run; this endpoint does not say whether that rollout ended well.",
                short_task_definition(undoing.target())
            )))
        }
        _ => {
            let mut rollout = rollout.clone();
            (rollout.running, rollout.desired) = (back.running, service.desired);
            let detail = format!("{} of {} tasks of what ran before run.", rollout.running, rollout.desired);
            let way = Way::Return {
                rollout: Some(rollout),
            };
            Step::wait(&undoing.clone().by(way), detail)
        }
    }
}

/// The revision that ran before is INACTIVE: its content becomes a new one, or that of another known-good image where its
/// own is gone.
fn restore(subject: &Subject, seen: &Observed, service: &EcsService, undoing: &Undoing) -> Step {
    let ours = service
        .primary()
        .is_some_and(|primary| primary.id == undoing.following.rollout.deployment);
    if !ours {
        return Step::go(
            undoing.clone().by(Way::Return { rollout: None }),
            "The service does not run ours any more.",
        );
    }
    let Some(restorable) = &seen.restorable else {
        return stop(undoing.clone().stuck(
            "The image that ran before is gone from ECR, and no other is known to run well in this slot: there is nothing to return to.",
        ));
    };
    if let Some(existing) = &restorable.existing {
        let undoing = Undoing {
            back: Some(Back {
                task_definition: existing.clone(),
                digest: restorable.digest.clone(),
            }),
            ..undoing.clone()
        };
        return Step::go(
            undoing.by(Way::Return { rollout: None }),
            format!("{} is there to return to.", short_task_definition(existing)),
        );
    }
    if seen.settled {
        Step::Register
    } else {
        Step::wait(
            &subject.state,
            "A call made before may still show its effect; looking again before another.",
        )
    }
}
