//! A deployment as its page shows it.

use app::account::{Actor, Permission};
use app::deployment::{
    Choice, DeploymentState, DeploymentView, Diagnosis, EventView, FailureClass, StepView, TaskView,
};
use app::error::ApiError;
use app::text::Millis;

use super::diagnose::{diagnose, runbook};
use super::engine::Deployments;
use super::evidence::{self, TaskRow};
use super::failure::Blame;
use super::state::{State, Undoing, Way};
use super::store::{self, Deployment};
use super::vouch::vouch_why_not;
use crate::auth::{Place, require, require_view};
use crate::aws::{last_part, short_task_definition};
use crate::error::OrInternal;
use crate::image::label;
use crate::policy;
use crate::service::{Slot, slot_by_id};

/// Title, detail, begun, ended, went well.
type StepRow = (String, String, Millis, Option<Millis>, Option<i64>);

impl Deployments {
    /// A deployment and its slot; neither found nor visible is the same answer.
    pub(super) async fn found(&self, id: &str) -> Result<(Deployment, Slot, bool), ApiError> {
        let missing = || ApiError::NotFound(format!("Deployment {id}"));
        let deployment = store::load(&self.db, id)
            .await
            .or_internal()?
            .ok_or_else(missing)?;
        let slot = slot_by_id(&self.db, &deployment.row.slot_id)
            .await
            .or_internal()?
            .ok_or_else(missing)?;
        let protected = self.protected(&slot.environment).await?;
        Ok((deployment, slot, protected))
    }

    /// Whether an environment asks for more. One that policy does not name is treated as if it did.
    pub(super) async fn protected(&self, environment: &str) -> Result<bool, ApiError> {
        let policy = policy::current(&self.db).await.or_internal()?;
        Ok(policy
            .and_then(|revision| {
                revision
                    .policy
                    .environment(environment)
                    .map(|found| found.protected)
            })
            .unwrap_or(true))
    }

    pub(super) async fn view(&self, actor: &Actor, id: &str) -> Result<DeploymentView, ApiError> {
        require_view(actor)?;
        let (deployment, slot, protected) = self.found(id).await?;
        let row = &deployment.row;
        let state = &deployment.facts.state;
        let place = Place::In {
            environment: &slot.environment,
            protected,
            team: Some(&slot.team),
        };
        let repository = Some(row.image_repository.as_str());
        let steps: Vec<StepRow> = sqlx::query_as(
            "SELECT title, detail, started_at, ended_at, ok FROM deployment_step WHERE deployment_id = $1 ORDER BY position",
        )
        .bind(id)
        .fetch_all(self.db.read())
        .await
        .or_internal()?;
        let train: Option<i64> = match &row.train_id {
            Some(train) => sqlx::query_scalar("SELECT number FROM train WHERE id = $1")
                .bind(train)
                .fetch_optional(self.db.read())
                .await
                .or_internal()?,
            None => None,
        };
        let events = evidence::events_of(&self.db, id).await.or_internal()?;
        let tasks = evidence::tasks_of(&self.db, id).await.or_internal()?;
        let from = match &row.from_digest {
            Some(digest) => Some(label(&self.db, repository, digest).await.or_internal()?),
            None => None,
        };
        let verdict = row.verdict.clone().unwrap_or_else(|| match state.failure() {
            Some(failure) => format!("{} The slot is being put back.", failure.sentence),
            None => "Under way; nothing is decided yet.".to_owned(),
        });
        let diagnosis = diagnosis(&deployment, &tasks, &events)?;
        let refused = self.refused_by(id).await?;
        Ok(DeploymentView {
            now: self.db.now(),
            id: row.id.clone(),
            service: slot.service.clone(),
            environment: slot.environment.clone(),
            kind: deployment.kind,
            train,
            state: state.word(),
            percent: state.percent().filter(|_| !state.at_rest()),
            from,
            to: label(&self.db, repository, &row.digest).await.or_internal()?,
            requested_by: row.requested_by_name.clone(),
            reason: row.reason.clone(),
            requested_at: row.requested_at,
            ended_at: row.ended_at,
            read_at: row.read_at,
            deadline_at: row.deadline_at.filter(|_| !state.at_rest()),
            verdict,
            steps: steps
                .into_iter()
                .map(|(title, detail, started_at, ended_at, ok)| StepView {
                    title,
                    detail,
                    started_at,
                    ended_at,
                    ok: ok.map(|ok| ok == 1),
                })
                .collect(),
            events: events
                .into_iter()
                .map(|(at, message)| EventView { at, message })
                .collect(),
            tasks: tasks.iter().map(task_view).collect(),
            diagnosis,
            facts: facts(&deployment, &slot),
            cancel: (!state.at_rest()).then(|| Choice {
                label: if state.following().is_some() || matches!(state, State::Updating(_)) {
                    "Cancel and roll back".to_owned()
                } else {
                    "Cancel".to_owned()
                },
                why_not: cancel_why_not(&deployment)
                    .or_else(|| refusal(require(actor, Permission::Deploy, place))),
            }),
            allow_again: (!refused.is_empty()).then(|| Choice {
                label: format!(
                    "Let {} board {} again",
                    refused
                        .iter()
                        .map(|digest| short(digest))
                        .collect::<Vec<_>>()
                        .join(" and "),
                    slot.environment
                ),
                why_not: refusal(self.may_allow_again(actor, place)),
            }),
            vouch: (state.word() == DeploymentState::NeedsHuman && row.resolved_at.is_none()).then(|| {
                Choice {
                    label: format!(
                        "It runs well: {} in {} has succeeded",
                        slot.service, slot.environment
                    ),
                    why_not: vouch_why_not(&deployment, &slot)
                        .or_else(|| refusal(require(actor, Permission::RollBack, place))),
                }
            }),
            resolve: (state.word() == DeploymentState::NeedsHuman && row.resolved_at.is_none()).then(|| {
                Choice {
                    label: format!("Looked into it: free {} in {}", slot.service, slot.environment),
                    why_not: refusal(require(actor, Permission::RollBack, place)),
                }
            }),
        })
    }

    /// The images that this deployment keeps off its slot, while nobody allowed them again: the one it failed with, and
    /// for a rollback the one it left behind.
    pub(super) async fn refused_by(&self, id: &str) -> Result<Vec<String>, ApiError> {
        sqlx::query_scalar(
            "SELECT digest FROM boarding_refusal WHERE deployment_id = $1 AND allowed_at IS NULL ORDER BY refused_at, digest",
        )
        .bind(id)
        .fetch_all(self.db.read())
        .await
        .or_internal()
    }

    pub(super) fn may_allow_again(&self, actor: &Actor, place: Place<'_>) -> Result<(), ApiError> {
        require(actor, Permission::Configure, place).or_else(|_| require(actor, Permission::Deploy, place))
    }
}

fn short(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}

/// Why something is refused, for a button that cannot be pressed.
pub(super) fn refusal(outcome: Result<(), ApiError>) -> Option<String> {
    outcome.err().map(|why| why.to_string())
}

pub(super) fn cancel_why_not(deployment: &Deployment) -> Option<String> {
    if deployment.row.cancel_why.is_some() {
        return Some("It is being cancelled already.".to_owned());
    }
    matches!(deployment.facts.state, State::Undoing(_))
        .then(|| "It failed and the slot is being put back already.".to_owned())
}

fn task_view(task: &TaskRow) -> TaskView {
    TaskView {
        id: last_part(&task.task_arn).to_owned(),
        status: task.status.clone(),
        stop_code: task.stop_code.clone(),
        reason: task.container_reason.clone().or_else(|| task.reason.clone()),
        exit_code: task.exit_code,
        at: task.at,
    }
}

/// Why it failed: as written down at its end, or as far as can be told while the slot is being put back.
fn diagnosis(
    deployment: &Deployment,
    tasks: &[TaskRow],
    events: &[(Millis, String)],
) -> Result<Option<Diagnosis>, ApiError> {
    let Some(failure) = deployment.facts.state.failure() else {
        return Ok(None);
    };
    let evidence: Vec<_> = tasks.iter().map(TaskRow::evidence).collect();
    let messages: Vec<String> = events.iter().map(|(_, message)| message.clone()).collect();
    let found = diagnose(&evidence, &messages, &failure.sentence);
    let row = &deployment.row;
    let stored: Option<FailureClass> = row
        .failure_class
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(anyhow::Error::msg)
        .or_internal()?;
    if row.ended_at.is_some() && stored.is_none() {
        // Cancelled, superseded, sealed on another base: no fault to look for in the texts of ECS.
        return Ok(None);
    }
    if failure.class.is_none()
        && stored.is_none()
        && found.class == FailureClass::Unknown
        && failure.blame == Blame::Outside
    {
        return Ok(None);
    }
    let class = stored.unwrap_or(found.class);
    let (sentence, evidence) = if class == found.class {
        (found.sentence, found.evidence)
    } else {
        (failure.sentence.clone(), row.failure_text.clone())
    };
    Ok(Some(Diagnosis {
        class,
        sentence,
        evidence,
        runbook: runbook(class).iter().map(|step| (*step).to_owned()).collect(),
    }))
}

/// ARNs and ids, for people who go on in the AWS console.
fn facts(deployment: &Deployment, slot: &Slot) -> Vec<(String, String)> {
    let row = &deployment.row;
    let state = &deployment.facts.state;
    let mut facts = vec![
        ("ECS service".to_owned(), slot.ecs_service_arn.clone()),
        (
            "Image".to_owned(),
            format!("{}@{}", row.image_repository, row.digest),
        ),
    ];
    let mut fact = |name: &str, value: &str| facts.push((name.to_owned(), value.to_owned()));
    if let Some(registered) = state.registered() {
        fact("Task definition", &registered.task_definition);
        fact("Task definition before", &registered.before.task_definition);
        fact("ECS deployment before", &registered.before.deployment);
    } else if let Some(base) = &row.base_task_definition {
        fact("Sealed on", short_task_definition(base));
    }
    if let Some(following) = state.following() {
        fact("ECS deployment", &following.rollout.deployment);
        match &following.rollout.record {
            Some(record) => fact("Service deployment", record),
            None => fact("Service deployment", "this endpoint keeps no record of it"),
        }
    }
    if let State::Undoing(Undoing {
        way: Way::Return {
            rollout: Some(rollout),
        },
        ..
    }) = state
    {
        fact("ECS deployment on the way back", &rollout.deployment);
    }
    if let State::Undoing(Undoing { back: Some(back), .. }) = state {
        fact("Task definition on the way back", &back.task_definition);
    }
    if let Some(sha256) = &row.content_sha256 {
        fact("Content sha256", sha256);
    }
    facts
}
