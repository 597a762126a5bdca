//! What comes next, as a pure function of the row, what ECS shows, and the time. It makes no calls and remembers
//! nothing; asked twice about the same it answers the same.

mod bake;
mod follow;
mod preflight;
#[cfg(test)]
mod tests;
mod trouble;
mod undo;

use app::deployment::DeploymentKind;
use app::text::Millis;
use serde_json::Value;

use super::failure::Failure;
use super::state::{Registered, Rollout, Rules, State};
use crate::aws::{EcsDeployment, EcsService, EcsTask, ServiceDeployment, ServiceRevision, last_part};

pub use trouble::{broken, refused, unread};

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
    /// When it should have been looked at.
    pub looked_at: Millis,
    /// How far it is.
    pub state: State,
}

/// What can be registered again to put a slot back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restorable {
    /// The RegisterTaskDefinition input without tags.
    pub content: Value,
    /// The image, where it is not the one that ran before.
    pub digest: Option<String>,
    /// An ACTIVE revision with this content, or registered for this way back.
    pub existing: Option<String>,
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
    /// Alarms of those in the rules that fire; `None` where that was not read.
    pub firing: Option<Vec<String>>,
    /// ARNs of the records that ECS keeps already.
    pub records: Vec<String>,
    /// An ACTIVE revision that is ours by tag, or has the same content.
    pub existing: Option<String>,
    /// What can be registered to put the slot back; `None` where its image is gone and no other is known to run well.
    pub restorable: Option<Restorable>,
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
        } => bake::bake(subject, seen, following, evidence, *until, now),
        State::Undoing(undoing) => undo::undo(subject, seen, undoing, now),
        rest => Step::wait(rest, "At rest."),
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

/// Says that somebody else's deployment took the slot.
fn superseded(registered: &Registered, primary: Option<&EcsDeployment>) -> String {
    let what = primary.map_or_else(
        || "no PRIMARY deployment".to_owned(),
        |primary| format!("{} with {}", primary.id, last_part(&primary.task_definition)),
    );
    format!(
        "Somebody else deployed to this service meanwhile: ECS's PRIMARY deployment is {what}, where ours brings {}.",
        last_part(&registered.task_definition)
    )
}
