//! ECS was told: its rollout is followed by its own id until it ends, its outcome is verified, and it is watched.

use app::text::Millis;

use super::{Observed, Record, Step, Subject, superseded};
use crate::aws::{
    EcsService, EcsTask, ServiceDeployment, ServiceDeploymentStatus as Status, ServiceRevision,
    short_task_definition,
};
use crate::deployment::failure::Failure;
use crate::deployment::state::{Following, Rollout, State};

/// How long an endpoint that says COMPLETED has to show tasks that prove it.
const PROOF: Millis = 30_000;

pub(super) fn follow(subject: &Subject, seen: &Observed, following: &Following, now: Millis) -> Step {
    let Some(service) = seen.service.as_ref() else {
        return stop(following.clone().needs_human(Failure::outside(
            "ECS does not know this service any more, in the middle of the rollout.",
        )));
    };
    let following = counted(following, service, seen);
    match &seen.record {
        Record::Shown { record, revision } => by_record(
            subject,
            seen,
            service,
            &following,
            (record, revision.as_ref()),
            now,
        ),
        Record::NotShown | Record::NoneKept => by_service(subject, seen, service, &following, now),
    }
}

/// With what can be counted now.
fn counted(following: &Following, service: &EcsService, seen: &Observed) -> Following {
    let mut following = following.clone();
    if let Some(ours) = service
        .deployments
        .iter()
        .find(|deployment| deployment.id == following.rollout.deployment)
    {
        (following.rollout.running, following.rollout.desired) = (ours.running, service.desired);
    }
    if let Record::Shown { record, .. } = &seen.record {
        following.rollout.record = Some(record.arn.clone());
    }
    following
}

fn by_record(
    subject: &Subject,
    seen: &Observed,
    service: &EcsService,
    following: &Following,
    (record, revision): (&ServiceDeployment, Option<&ServiceRevision>),
    now: Millis,
) -> Step {
    let said = record
        .rollback_reason
        .as_ref()
        .or(record.reason.as_ref())
        .map_or_else(String::new, |reason| format!(" ECS says: {reason}"));
    let primary = service.primary();
    let before = &following.registered.before;
    let foreign = primary.is_none_or(|primary| {
        primary.id != following.rollout.deployment && primary.task_definition != before.task_definition
    });
    match &record.status {
        Status::Successful if foreign => stop(
            following
                .clone()
                .needs_human(Failure::outside(superseded(&following.registered, primary))),
        ),
        Status::Successful => match digest_of(revision, &seen.tasks, &subject.container) {
            Some(digest) if digest == subject.digest => Step::go(
                following.clone().bake(
                    "ECS's record of the rollout says SUCCESSFUL, and the revision it brought names the digest asked for.",
                    now,
                ),
                format!("{} is SUCCESSFUL.", record.arn),
            ),
            Some(other) => stop(following.clone().undo(
                Failure::of_rollout(format!(
                    "ECS says SUCCESSFUL, but the slot runs {other} instead of {}.",
                    subject.digest
                )),
                now,
            )),
            None => stop(following.clone().needs_human(Failure::outside(
                "ECS says SUCCESSFUL, but shows no digest by which that could be verified.",
            ))),
        },
        Status::RollbackSuccessful => match primary {
            Some(primary) if primary.task_definition == before.task_definition => {
                let sentence = format!("The rollout failed and ECS rolled it back.{said}");
                let failure = if record.triggered_alarms.is_empty() {
                    Failure::of_rollout(sentence)
                } else {
                    Failure::of_image(sentence)
                };
                stop(following.clone().rolled_back(failure))
            }
            Some(primary) if primary.id == following.rollout.deployment && now < subject.deadline_at => {
                Step::wait(&State::Following(following.clone()), "ECS says it rolled back; waiting until its service shows it.")
            }
            _ => stop(following.clone().needs_human(Failure::of_rollout(format!(
                "ECS says it rolled back, but the service does not run {} again.{said}",
                short_task_definition(&before.task_definition)
            )))),
        },
        Status::Stopped | Status::RollbackFailed if foreign => stop(
            following
                .clone()
                .needs_human(Failure::outside(superseded(&following.registered, primary))),
        ),
        Status::Stopped => stop(following.clone().undo(
            Failure::of_rollout(format!("The rollout failed and ECS stopped it without going back.{said}")),
            now,
        )),
        Status::RollbackFailed => stop(following.clone().undo(
            Failure::of_rollout(format!("The rollout failed, and so did ECS's own way back.{said}")),
            now,
        )),
        Status::Pending | Status::InProgress | Status::Other(_) if foreign => stop(
            following
                .clone()
                .needs_human(Failure::outside(superseded(&following.registered, primary))),
        ),
        status => give_up(subject, following, now).unwrap_or_else(|| {
            let detail = match status {
                Status::RollbackRequested | Status::RollbackInProgress => {
                    format!("The rollout failed; ECS rolls it back.{said}")
                }
                Status::StopRequested => format!("The rollout failed; ECS stops it.{said}"),
                Status::Other(word) => format!("ECS says {word}, a word this program does not know."),
                _ => progress(&following.rollout),
            };
            Step::wait(&State::Following(following.clone()), detail)
        }),
    }
}

/// Without a record: our deployment must be PRIMARY and COMPLETED and its tasks run the digest. Less is a person's.
fn by_service(
    subject: &Subject,
    seen: &Observed,
    service: &EcsService,
    following: &Following,
    now: Millis,
) -> Step {
    let registered = &following.registered;
    let keeps_none = seen.record == Record::NoneKept || following.rollout.ran_before;
    let ours = service
        .deployments
        .iter()
        .find(|deployment| deployment.id == following.rollout.deployment);
    let state = ours.and_then(|ours| ours.rollout_state.as_deref());
    let primary = service.primary();
    match (ours, primary) {
        (Some(ours), _) if ours.status == "PRIMARY" => match state {
            Some("COMPLETED") if keeps_none => {
                let digests = running_digests(&seen.tasks, &subject.container);
                match digests {
                    Ok(digests) if digests.iter().all(|digest| *digest == subject.digest) => Step::go(
                        following.clone().bake(
                            format!(
                                "ECS keeps no record of this rollout; its deployment {} is COMPLETED, and {} running tasks have the digest asked for.",
                                ours.id,
                                digests.len()
                            ),
                            now,
                        ),
                        format!("{} is COMPLETED.", ours.id),
                    ),
                    Ok(digests) => stop(following.clone().undo(
                        Failure::of_rollout(format!(
                            "ECS says COMPLETED, but tasks run {} instead of {}.",
                            digests.join(", "),
                            subject.digest
                        )),
                        now,
                    )),
                    Err(_) if now < subject.since + PROOF => Step::wait(
                        &State::Following(following.clone()),
                        "COMPLETED; waiting for tasks that prove it.",
                    ),
                    Err(why) => stop(following.clone().needs_human(Failure::outside(format!(
                        "ECS keeps no record of this rollout. Its deployment {} is COMPLETED, but {why}, so what runs is not proven.",
                        ours.id
                    )))),
                }
            }
            Some("FAILED") if keeps_none => stop(following.clone().undo(
                Failure::of_rollout(format!(
                    "The rollout failed. ECS says: {}",
                    ours.rollout_reason.as_deref().unwrap_or("nothing more")
                )),
                now,
            )),
            None if keeps_none
                && service.deployments.len() == 1
                && ours.desired > 0
                && ours.running >= ours.desired
                && now >= subject.since + PROOF =>
            {
                stop(following.clone().needs_human(Failure::outside(format!(
                    "This endpoint says neither how the rollout went nor keeps a record of it. {} of {} tasks of {} run; whether that is success, a person must say.",
                    ours.running, ours.desired, ours.id
                ))))
            }
            _ => give_up(subject, following, now).unwrap_or_else(|| {
                Step::wait(&State::Following(following.clone()), progress(&following.rollout))
            }),
        },
        // ECS went back by itself: our deployment is not PRIMARY any more, what ran before is again.
        (ours, Some(primary))
            if keeps_none
                && primary.task_definition == registered.before.task_definition
                && (state == Some("FAILED") || now >= subject.since + PROOF) =>
        {
            if primary.rollout_state.as_deref() == Some("IN_PROGRESS") && now < subject.deadline_at {
                return Step::wait(
                    &State::Following(following.clone()),
                    "The rollout failed; ECS rolls it back.",
                );
            }
            let said = ours
                .and_then(|ours| ours.rollout_reason.as_deref())
                .map_or_else(String::new, |said| format!(" ECS says: {said}"));
            stop(
                following
                    .clone()
                    .rolled_back(Failure::of_rollout(format!("The rollout failed and ECS rolled it back.{said}"))),
            )
        }
        (_, Some(primary)) if primary.task_definition != registered.before.task_definition => stop(
            following
                .clone()
                .needs_human(Failure::outside(superseded(registered, Some(primary)))),
        ),
        _ => give_up(subject, following, now).unwrap_or_else(|| {
            Step::wait(
                &State::Following(following.clone()),
                "ECS does not show the rollout yet.",
            )
        }),
    }
}

/// Cancelled by a person, or too late.
fn give_up(subject: &Subject, following: &Following, now: Millis) -> Option<Step> {
    let failure = match &subject.cancelled {
        Some(why) => Failure::outside(format!("Cancelled while it rolled out: {why}")),
        None if now >= subject.deadline_at => Failure::of_rollout(format!(
            "ECS did not end the rollout until the deadline; {}",
            progress(&following.rollout)
        )),
        None => return None,
    };
    Some(stop(following.clone().undo(failure, now)))
}

/// Enters a state that says itself why.
pub(super) fn stop(to: State) -> Step {
    let detail = to
        .failure()
        .map(|failure| failure.sentence.clone())
        .unwrap_or_default();
    Step::go(to, detail)
}

fn progress(rollout: &Rollout) -> String {
    format!("{} of {} new tasks run.", rollout.running, rollout.desired)
}

/// The digest a revision brings: as it says itself, as its image reference pins it, or as its tasks run it.
fn digest_of(revision: Option<&ServiceRevision>, tasks: &[EcsTask], container: &str) -> Option<String> {
    let image = revision.and_then(|revision| revision.images.iter().find(|(name, ..)| name == container));
    if let Some((_, reference, digest)) = image {
        let pinned = reference.split_once('@').map(|(_, digest)| digest.to_owned());
        if let Some(digest) = digest.clone().or(pinned) {
            return Some(digest);
        }
    }
    let mut digests = running_digests(tasks, container).ok()?;
    digests.dedup();
    match digests.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// Digests of the container in tasks that run; the error says why they prove nothing.
fn running_digests(tasks: &[EcsTask], container: &str) -> Result<Vec<String>, &'static str> {
    let running: Vec<_> = tasks
        .iter()
        .filter(|task| task.last_status == "RUNNING")
        .collect();
    if running.is_empty() {
        return Err("no task of it runs");
    }
    running
        .iter()
        .map(|task| {
            task.containers
                .iter()
                .find(|one| one.name == container)
                .and_then(|one| one.digest.clone())
        })
        .collect::<Option<Vec<_>>>()
        .ok_or("its tasks do not say which digest they run")
}
