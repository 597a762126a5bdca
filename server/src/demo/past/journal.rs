//! What is kept of a deployment beside its row: the steps of its journal, the tasks that failed, and ECS's events.

use anyhow::Result;
use app::text::Millis;
use sim::world::history::{self, Outcome, StoppedTask};

use super::Writer;
use super::deployment::{EVIDENCE, ROLLED_BACK, hex, service_name};
use crate::aws::short_task_definition;
use crate::deployment::{Following, State};
use crate::service::Slot;

const SECOND: Millis = 1000;
/// So many failed tasks trip the circuit breaker of a small service.
const FAILED_TASKS: u64 = 3;

impl Writer<'_> {
    pub(super) async fn journal(
        &mut self,
        id: &str,
        deployment: &history::Deployment,
        slot: &Slot,
        following: &Following,
        asked_by: &str,
    ) -> Result<()> {
        let steps = steps(deployment, following, asked_by);
        let ends = steps
            .iter()
            .skip(1)
            .map(|(_, begun, _)| *begun)
            .chain([deployment.ended_at]);
        for ((position, (state, begun, detail)), ended) in (1_i64..).zip(&steps).zip(ends) {
            let Some((step, title)) = state.step() else {
                continue;
            };
            let last = usize::try_from(position)? == steps.len();
            sqlx::query(
                "INSERT INTO deployment_step (deployment_id, position, step, title, detail, started_at, ended_at, ok)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(id)
            .bind(position)
            .bind(step)
            .bind(title)
            .bind(detail)
            .bind(begun)
            .bind(ended)
            .bind(i64::from(!last || deployment.succeeded()))
            .execute(self.tx.connection())
            .await?;
        }
        match &deployment.outcome {
            Outcome::Succeeded => {
                let done = deployment.ended_at - bake(following);
                let name = &following.rollout.deployment;
                self.event(id, slot, 1, done - 20 * SECOND, &started(deployment, 0))
                    .await?;
                self.event(
                    id,
                    slot,
                    2,
                    done,
                    &format!("(deployment {name}) deployment completed."),
                )
                .await?;
                self.event(id, slot, 3, done, "has reached a steady state.").await
            }
            Outcome::RolledBack { task, .. } => self.failure(id, deployment, slot, following, task).await,
        }
    }

    /// One task after another failed, ECS gave up and put back what ran before.
    async fn failure(
        &mut self,
        id: &str,
        deployment: &history::Deployment,
        slot: &Slot,
        following: &Following,
        task: &StoppedTask,
    ) -> Result<()> {
        let lasted = deployment.ended_at - deployment.started_at;
        let gave_up = deployment.started_at + lasted * 7 / 10;
        let mut place = 0;
        for number in 0..FAILED_TASKS {
            let name = task_name(deployment, number);
            let at = deployment.started_at + lasted * (i64::try_from(number)? + 1) / 5;
            place += 1;
            self.event(id, slot, place, at - 30 * SECOND, &started(deployment, number))
                .await?;
            self.stopped(id, slot, &name, task, at).await?;
            let said = match task.stop_code.as_str() {
                "TaskFailedToStart" => Some(format!(
                    "was unable to place a task. Reason: {}.",
                    task.reason.trim_end_matches('.')
                )),
                "ServiceSchedulerInitiated" => Some(format!("(task {name}) failed container health checks.")),
                _ => None,
            };
            if let Some(said) = said {
                place += 1;
                self.event(id, slot, place, at, &said).await?;
            }
        }
        let (ours, before) = (
            &following.rollout.deployment,
            &following.registered.before.deployment,
        );
        for (at, said) in [
            (
                gave_up,
                format!("(deployment {ours}) deployment failed: tasks failed to start."),
            ),
            (gave_up, format!("rolling back to deployment {before}.")),
            (deployment.ended_at, "has reached a steady state.".to_owned()),
        ] {
            place += 1;
            self.event(id, slot, place, at, &said).await?;
        }
        Ok(())
    }

    async fn event(&mut self, id: &str, slot: &Slot, place: u32, at: Millis, said: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO deployment_event (deployment_id, event_id, at, message) VALUES ($1, $2, $3, $4)",
        )
        .bind(id)
        .bind(format!("past-{place:02}"))
        .bind(at)
        .bind(format!("(service {}) {said}", service_name(slot)))
        .execute(self.tx.connection())
        .await?;
        Ok(())
    }

    async fn stopped(
        &mut self,
        id: &str,
        slot: &Slot,
        name: &str,
        task: &StoppedTask,
        at: Millis,
    ) -> Result<()> {
        let service = &slot.ecs_service_arn;
        let cluster = service.rsplit_once('/').map_or("", |(cluster, _)| cluster);
        sqlx::query(
            "INSERT INTO deployment_task (deployment_id, task_arn, status, stop_code, reason, exit_code, container_reason, at)
             VALUES ($1, $2, 'STOPPED', $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(format!("{}/{name}", cluster.replacen(":service/", ":task/", 1)))
        .bind(&task.stop_code)
        .bind(&task.reason)
        .bind(task.exit_code)
        .bind(&task.container_reason)
        .bind(at)
        .execute(self.tx.connection())
        .await?;
        Ok(())
    }
}

/// The states it went through, when it entered them, and what was found or done there.
fn steps(
    deployment: &history::Deployment,
    following: &Following,
    asked_by: &str,
) -> Vec<(State, Millis, String)> {
    let (registered, rollout) = (&following.registered, &following.rollout);
    let before = &registered.before;
    let ours = short_task_definition(&registered.task_definition);
    let at = |seconds| deployment.started_at + seconds * SECOND;
    let mut steps = vec![
        (State::Requested, at(0), format!("Asked for by {asked_by}.")),
        (
            State::Preflight,
            at(1),
            format!(
                "The service is ACTIVE and runs {} ({}); the image is in ECR.",
                short_task_definition(&before.task_definition),
                before.deployment
            ),
        ),
        (
            State::Registering(before.clone()),
            at(2),
            format!("{ours} is there and is what was asked for."),
        ),
        (
            State::Registered(registered.clone()),
            at(3),
            "Nothing moved since it was checked.".to_owned(),
        ),
        (
            State::Updating(registered.clone()),
            at(4),
            format!("ECS rolls out {ours} as {}.", rollout.deployment),
        ),
    ];
    let follow = State::Following(following.clone());
    if deployment.succeeded() {
        let until = deployment.ended_at;
        let record = rollout.record.as_deref().unwrap_or_default();
        steps.push((follow, at(5), format!("{record} is SUCCESSFUL.")));
        let baking = State::Baking {
            following: following.clone(),
            evidence: EVIDENCE.to_owned(),
            until,
        };
        steps.push((baking, until - bake(following), EVIDENCE.to_owned()));
    } else {
        steps.push((follow, at(5), ROLLED_BACK.to_owned()));
    }
    steps
}

fn bake(following: &Following) -> Millis {
    i64::from(following.registered.before.rules.bake_seconds) * SECOND
}

fn started(deployment: &history::Deployment, number: u64) -> String {
    format!("has started 1 tasks: (task {}).", task_name(deployment, number))
}

fn task_name(deployment: &history::Deployment, number: u64) -> String {
    hex(&("task", deployment.id, number), 32)
}
