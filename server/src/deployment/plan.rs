//! What comes next, as a pure function of the row, what ECS shows, and the time. It makes no calls and remembers
//! nothing; asked twice about the same it answers the same.

mod follow;
mod preflight;
#[cfg(test)]
mod tests;
mod undo;

use app::deployment::DeploymentKind;
use app::text::Millis;

use super::state::{Failure, Registered, Rollout, Rules, State};
use crate::aws::{
    AwsError, EcsDeployment, EcsService, EcsTask, ServiceDeployment, ServiceRevision, last_part,
};

/// What the plan needs to know of a deployment.
#[derive(Debug, Clone)]
pub struct Subject {
    /// `dep_…`
    pub id: String,
    /// Where it came from.
    pub kind: DeploymentKind,
    /// The container that carries the image.
    pub container: String,
    /// The image asked for.
    pub digest: String,
    /// The task definition its content was made from.
    pub base_task_definition: Option<String>,
    /// Who asked, for sentences.
    pub requested_by: String,
    /// A person's wish to have it cancelled, with the reason.
    pub cancelled: Option<String>,
    /// When to give up, before ECS was told and while it rolls out.
    pub deadline_at: Millis,
    /// When the state was entered, or a call in it last ended in doubt.
    pub since: Millis,
    /// How far it is.
    pub state: State,
}

/// The image in ECR.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Image {
    /// There, and can be pulled.
    #[default]
    There,
    /// In the archive storage class.
    Archived,
    /// Not there.
    Gone,
}

/// The rollout's record, ECS's newer view of deployments.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Record {
    /// This endpoint keeps none.
    #[default]
    NoneKept,
    /// It keeps some; the one we look for is not among them.
    NotShown,
    /// There it is.
    Shown {
        /// The record.
        record: ServiceDeployment,
        /// What it brings.
        revision: Option<ServiceRevision>,
    },
}

/// What was read for the state a deployment is in; parts that the state does not need are left at their defaults.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The ECS service; `None` where it does not exist.
    pub service: Option<EcsService>,
    /// The image.
    pub image: Image,
    /// Why the car may not be deployed any more.
    pub barred: Option<String>,
    /// What policy asks now.
    pub rules: Rules,
    /// Alarms of those in the rules that fire.
    pub firing: Vec<String>,
    /// An ACTIVE revision that is ours by tag, or has the same content.
    pub existing: Option<String>,
    /// The record of the rollout that is followed.
    pub record: Record,
    /// Tasks of the rollout that is followed.
    pub tasks: Vec<EcsTask>,
    /// A call made earlier in this state would have shown by now; or none was made.
    pub settled: bool,
}

/// One step: at most one external effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write down what was found and enter another state.
    Go {
        /// That state.
        to: State,
        /// What was found, for the journal.
        detail: String,
    },
    /// Register the task definition.
    Register,
    /// Point the service at a task definition.
    Update {
        /// Its ARN.
        task_definition: String,
    },
    /// Have ECS roll its rollout back.
    Stop {
        /// ARN of the record.
        record: String,
    },
    /// Look again later.
    Wait {
        /// The same state, with what was counted meanwhile.
        state: State,
        /// What is waited for.
        detail: String,
    },
}

/// What comes next.
pub fn next(subject: &Subject, seen: &Observed, now: Millis) -> Step {
    match &subject.state {
        State::Requested => Step::go(
            State::Preflight,
            format!("Asked for by {}.", subject.requested_by),
        ),
        State::Preflight => preflight::check(subject, seen, now),
        State::Registering(before) => preflight::register(subject, seen, before, now),
        State::Registered(registered) => preflight::prepare(subject, seen, registered),
        State::Updating(registered) => preflight::update(subject, seen, registered, now),
        State::Following(following) => follow::follow(subject, seen, following, now),
        State::Baking {
            following,
            evidence,
            until,
        } => follow::bake(subject, seen, following, evidence, *until, now),
        State::Undoing(undoing) => undo::undo(subject, seen, undoing, now),
        rest => Step::wait(rest, "At rest."),
    }
}

/// What comes next where ECS could not be read.
pub fn unread(subject: &Subject, cause: &AwsError, now: Millis) -> Step {
    let late = now >= subject.deadline_at;
    let gave_up = || Failure::outside(format!("Given up: {cause}."));
    match &subject.state {
        State::Preflight | State::Registering(_) | State::Registered(_) if late || !cause.passing() => {
            Step::go(State::FailedUnchanged { failure: gave_up() }, cause.to_string())
        }
        State::Following(following) if late => {
            Step::go(following.clone().undo(gave_up(), now), cause.to_string())
        }
        State::Baking { following, .. } if late => Step::go(
            following.clone().needs_human(Failure::outside(format!(
                "It rolled out, but whether it runs well could not be read: {cause}."
            ))),
            cause.to_string(),
        ),
        State::Updating(_) if late => Step::go(
            State::NeedsHuman {
                following: None,
                failure: Failure::outside(format!(
                    "ECS may or may not have been told to deploy, and could not be read until the deadline: {cause}."
                )),
            },
            cause.to_string(),
        ),
        State::Undoing(undoing) if now >= undoing.deadline_at => Step::go(
            undoing.clone().stuck(&format!("And then {cause}.")),
            cause.to_string(),
        ),
        state => Step::wait(state, cause.to_string()),
    }
}

/// What comes next where a call was refused: nothing happened, or it may have (then ECS is read again first).
pub fn refused(subject: &Subject, cause: &AwsError) -> Step {
    if cause.passing() {
        return Step::wait(
            &subject.state,
            format!("{cause}. Looking again before anything is repeated."),
        );
    }
    match &subject.state {
        State::Registering(_) => Step::go(
            State::FailedUnchanged {
                failure: Failure::of_image(format!("The task definition was not registered: {cause}.")),
            },
            cause.to_string(),
        ),
        State::Updating(_) => Step::go(
            State::FailedUnchanged {
                failure: Failure::of_image(format!("ECS did not take the update: {cause}.")),
            },
            cause.to_string(),
        ),
        State::Undoing(undoing) => match undoing.way {
            super::state::Way::Stop { .. } => Step::go(
                undoing.clone().by(super::state::Way::Return { rollout: None }),
                format!("ECS does not roll back itself: {cause}."),
            ),
            _ => Step::go(
                undoing
                    .clone()
                    .stuck(&format!("It could not be put back: {cause}.")),
                cause.to_string(),
            ),
        },
        state => Step::wait(state, cause.to_string()),
    }
}

impl Step {
    pub(super) fn go(to: State, detail: impl Into<String>) -> Self {
        Self::Go {
            to,
            detail: detail.into(),
        }
    }

    pub(super) fn wait(state: &State, detail: impl Into<String>) -> Self {
        Self::Wait {
            state: state.clone(),
            detail: detail.into(),
        }
    }

    pub(super) fn unchanged(failure: Failure) -> Self {
        let detail = failure.sentence.clone();
        Self::go(State::FailedUnchanged { failure }, detail)
    }
}

/// The rollout that a deployment of ECS stands for.
fn rollout_of(deployment: &EcsDeployment, seen: &Observed, ran_before: bool) -> Rollout {
    let number = last_part(&deployment.id);
    let record = match &seen.record {
        Record::Shown { record, .. } if record.target_revision.as_deref().map(last_part) == Some(number) => {
            Some(record.arn.clone())
        }
        _ => None,
    };
    Rollout {
        deployment: deployment.id.clone(),
        record,
        ran_before,
        running: deployment.running,
        desired: deployment.desired,
    }
}

/// A rollout known by its record alone: ECS does not list it among the service's deployments any more.
fn rollout_of_record(record: &ServiceDeployment) -> Option<Rollout> {
    Some(Rollout {
        deployment: format!("ecs-svc/{}", last_part(record.target_revision.as_deref()?)),
        record: Some(record.arn.clone()),
        ran_before: false,
        running: 0,
        desired: 0,
    })
}

/// Somebody else's deployment took the slot.
fn superseded(registered: &Registered, primary: Option<&EcsDeployment>) -> Failure {
    let what = primary.map_or_else(
        || "no PRIMARY deployment".to_owned(),
        |primary| format!("{} with {}", primary.id, last_part(&primary.task_definition)),
    );
    Failure::outside(format!(
        "Somebody else deployed to this service meanwhile: ECS's PRIMARY deployment is {what}, where ours brings {}.",
        last_part(&registered.task_definition)
    ))
}
