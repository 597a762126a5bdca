//! Up to the moment ECS is told: everything here may still end with nothing changed.

use app::deployment::FailureClass;
use app::text::Millis;

use super::follow::stop;
use super::{Image, Observed, Record, Step, Subject, rollout_of, rollout_of_record, superseded};
use crate::aws::{EcsService, last_part, short_task_definition};
use crate::deployment::failure::Failure;
use crate::deployment::state::{Before, Registered, State};

/// The service as it must be to be deployed to; the failure says what stands against it.
fn deployable(seen: &Observed) -> Result<&EcsService, Failure> {
    let service = seen.service.as_ref().ok_or_else(|| {
        Failure::outside("ECS does not know this service any more.").classed(FailureClass::Configuration)
    })?;
    let refuse = |why: String| Err(Failure::outside(why).classed(FailureClass::Configuration));
    if service.status != "ACTIVE" {
        return refuse(format!("The ECS service is {}, not ACTIVE.", service.status));
    }
    match service.controller.as_str() {
        "ECS" => {}
        "CODE_DEPLOY" => {
            return refuse(
                "This service is deployed by AWS CodeDeploy (deployment controller CODE_DEPLOY): UpdateService may not change its task definition. Yardmaster does not drive CodeDeploy yet.".to_owned(),
            );
        }
        other => {
            return refuse(format!(
                "The service's deployment controller is {other}: another program moves its task sets. Yardmaster deploys services with the controller ECS."
            ));
        }
    }
    if service.strategy != "ROLLING" {
        return refuse(format!(
            "The service's deployment strategy is {}. Yardmaster follows ROLLING so far.",
            service.strategy
        ));
    }
    Ok(service)
}

/// Why it must not go on, whatever ECS shows: a person cancelled it, or its train may not go.
fn stopped(subject: &Subject, seen: &Observed) -> Option<Failure> {
    cancelled(subject).or_else(|| {
        let why = seen.barred.as_ref()?;
        Some(Failure::of_sealing(format!(
            "It may not be deployed any more: {why}. Nothing was changed."
        )))
    })
}

/// A person cancelled it before ECS was told.
pub(super) fn cancelled(subject: &Subject) -> Option<Failure> {
    let why = subject.cancelled.as_ref()?;
    Some(Failure::outside(format!("Cancelled before ECS was told: {why}")))
}

pub(super) fn check(subject: &Subject, seen: &Observed, now: Millis) -> Step {
    if let Some(failure) = stopped(subject, seen) {
        return Step::unchanged(failure);
    }
    let service = match deployable(seen) {
        Ok(service) => service,
        Err(failure) => return Step::unchanged(failure),
    };
    if let Some(base) = &subject.base_task_definition
        && *base != service.task_definition
    {
        return Step::unchanged(Failure::of_sealing(format!(
            "The service runs {} now, but the manifest was sealed on {}. Seal it again.",
            short_task_definition(&service.task_definition),
            short_task_definition(base)
        )));
    }
    let gone = |what: &str| {
        Failure::outside(format!("The image {} {what}.", subject.digest)).classed(FailureClass::ImagePull)
    };
    match seen.image {
        Image::There => {}
        Image::Archived => return Step::unchanged(gone("is archived in ECR and cannot be pulled")),
        Image::Gone => return Step::unchanged(gone("is not in ECR any more")),
    }
    let under_way = service
        .deployments
        .iter()
        .find(|deployment| deployment.rollout_state.as_deref() == Some("IN_PROGRESS"));
    let primary = match (under_way, service.primary()) {
        (None, Some(primary)) => primary,
        (foreign, _) => {
            let what = foreign.map_or("ECS shows no PRIMARY deployment".to_owned(), |foreign| {
                format!(
                    "ECS still rolls out {} ({})",
                    foreign.id,
                    short_task_definition(&foreign.task_definition)
                )
            });
            if now >= subject.deadline_at {
                return Step::unchanged(Failure::outside(format!(
                    "Given up waiting: {what}, which Yardmaster did not begin."
                )));
            }
            return Step::wait(&subject.state, format!("{what}; waiting for its end."));
        }
    };
    let before = Before {
        deployment: primary.id.clone(),
        task_definition: primary.task_definition.clone(),
        firing: seen.firing.clone(),
        older: service
            .deployments
            .iter()
            .map(|deployment| deployment.id.clone())
            .chain(seen.records.iter().cloned())
            .collect(),
        rules: seen.rules.clone(),
    };
    let unread = if before.firing.is_none() {
        " Its alarms could not be read; those that fire after the rollout count as having fired before."
    } else {
        ""
    };
    let detail = format!(
        "The service is ACTIVE and runs {} ({}); the image is in ECR.{unread}",
        short_task_definition(&before.task_definition),
        before.deployment
    );
    Step::go(State::Registering(before), detail)
}

pub(super) fn register(subject: &Subject, seen: &Observed, before: &Before, now: Millis) -> Step {
    if let Some(failure) = stopped(subject, seen) {
        return Step::unchanged(failure);
    }
    if let Some(existing) = &seen.existing {
        let registered = Registered {
            before: before.clone(),
            task_definition: existing.clone(),
        };
        return Step::go(
            State::Registered(registered),
            format!(
                "{} is there and is what was asked for.",
                short_task_definition(existing)
            ),
        );
    }
    if now >= subject.deadline_at {
        return Step::unchanged(Failure::outside(
            "Given up: the task definition could not be registered until the deadline.",
        ));
    }
    if !seen.settled {
        return Step::wait(
            &subject.state,
            "A call made before may still show its effect; looking again before another.",
        );
    }
    Step::Register
}

pub(super) fn prepare(subject: &Subject, seen: &Observed, registered: &Registered) -> Step {
    if let Some(failure) = stopped(subject, seen) {
        return Step::unchanged(failure);
    }
    let service = match deployable(seen) {
        Ok(service) => service,
        Err(failure) => return Step::unchanged(failure),
    };
    let primary = service.primary();
    match primary {
        Some(primary) if primary.id != registered.before.deployment => {
            Step::unchanged(Failure::of_sealing(superseded(registered, Some(primary))))
        }
        None => Step::unchanged(Failure::of_sealing(superseded(registered, None))),
        Some(primary) if primary.task_definition == registered.task_definition => Step::go(
            registered.clone().follow(rollout_of(primary, seen, true)),
            format!("{} runs it already; ECS needs to be told nothing.", primary.id),
        ),
        Some(_) => Step::go(
            State::Updating(registered.clone()),
            "Nothing moved since it was checked.",
        ),
    }
}

pub(super) fn update(subject: &Subject, seen: &Observed, registered: &Registered, now: Millis) -> Step {
    let Some(service) = seen.service.as_ref() else {
        return Step::unchanged(Failure::outside("ECS does not know this service any more."));
    };
    let before = &registered.before;
    // One that was there before ECS was told belongs to an earlier deployment, also where it brings the same revision.
    let ours = service.deployments.iter().find(|deployment| {
        deployment.task_definition == registered.task_definition
            && deployment.id != before.deployment
            && !before.older.contains(&deployment.id)
    });
    if let Some(ours) = ours {
        return Step::go(
            registered.clone().follow(rollout_of(ours, seen, false)),
            format!(
                "ECS rolls out {} as {}.",
                short_task_definition(&registered.task_definition),
                ours.id
            ),
        );
    }
    // ECS may have taken the update, failed and gone back, all while nobody looked: then only the record tells.
    if let Record::Shown { record, .. } = &seen.record
        && let Some(rollout) = rollout_of_record(record)
        && rollout.deployment != before.deployment
    {
        return Step::go(
            registered.clone().follow(rollout),
            format!("ECS's record {} is ours.", last_part(&record.arn)),
        );
    }
    if !seen.settled {
        return Step::wait(
            &subject.state,
            "A call made before may still show its effect; looking again before another.",
        );
    }
    match service.primary() {
        Some(primary) if primary.id == before.deployment => {
            if let Some(failure) = stopped(subject, seen) {
                return Step::unchanged(failure);
            }
            if now >= subject.deadline_at {
                return Step::unchanged(Failure::outside(
                    "Given up: ECS could not be told until the deadline.",
                ));
            }
            Step::Update {
                task_definition: registered.task_definition.clone(),
            }
        }
        primary if seen.record == Record::NotShown => {
            Step::unchanged(Failure::of_sealing(superseded(registered, primary)))
        }
        primary => {
            let foreign = superseded(registered, primary);
            stop(State::NeedsHuman {
                following: None,
                failure: Failure::outside(format!(
                    "{foreign} Whether ours was begun before that cannot be read from this endpoint."
                )),
            })
        }
    }
}
