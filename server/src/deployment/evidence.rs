//! What ECS said while a deployment was under way, kept for ever: AWS forgets stopped tasks after an hour and events
//! after a hundred more.

use app::text::Millis;
use sqlx::FromRow;

use super::diagnose::TaskEvidence;
use crate::aws::{EcsEvent, EcsTask};
use crate::db::{Db, Tx};

/// What is kept about one deployment.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub tasks: Vec<TaskEvidence>,
    /// Newest first.
    pub events: Vec<String>,
}

/// A task as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct TaskRow {
    pub task_arn: String,
    pub status: String,
    pub stop_code: Option<String>,
    pub reason: Option<String>,
    pub exit_code: Option<i64>,
    pub container_reason: Option<String>,
    pub at: Millis,
}

/// What is not kept yet of what was seen.
#[derive(Debug, Default)]
pub(super) struct News {
    /// When ECS was asked, where it answered.
    pub read_at: Option<Millis>,
    events: Vec<EcsEvent>,
    tasks: Vec<TaskRow>,
}

impl TaskRow {
    fn of(task: &EcsTask, container: &str) -> Self {
        let TaskEvidence {
            stop_code,
            reason,
            container_reason,
            exit_code,
        } = TaskEvidence::of(
            task.stop_code.as_ref(),
            task.stopped_reason.as_ref(),
            &task.containers,
            container,
        );
        Self {
            task_arn: task.arn.clone(),
            status: task.last_status.clone(),
            stop_code,
            reason,
            exit_code,
            container_reason,
            at: task.stopped_at.unwrap_or(task.created_at),
        }
    }
}

/// Compares what was seen with what is kept.
pub(super) async fn news(
    db: &Db,
    id: &str,
    since: Millis,
    container: &str,
    events: &[EcsEvent],
    tasks: &[EcsTask],
) -> sqlx::Result<News> {
    let known: Vec<String> =
        sqlx::query_scalar("SELECT event_id FROM deployment_event WHERE deployment_id = $1")
            .bind(id)
            .fetch_all(db.read())
            .await?;
    let kept = tasks_of(db, id).await?;
    Ok(News {
        read_at: None,
        events: events
            .iter()
            .filter(|event| event.at >= since && !known.contains(&event.id))
            .cloned()
            .collect(),
        tasks: tasks
            .iter()
            .map(|task| TaskRow::of(task, container))
            .filter(|task| !kept.contains(task))
            .collect(),
    })
}

impl News {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.tasks.is_empty()
    }

    /// Keeps it.
    pub async fn keep(&self, tx: &mut Tx, id: &str) -> sqlx::Result<()> {
        if let Some(at) = self.read_at {
            sqlx::query("UPDATE deployment SET read_at = $1 WHERE id = $2")
                .bind(at)
                .bind(id)
                .execute(tx.connection())
                .await?;
        }
        for event in &self.events {
            sqlx::query(
                "INSERT INTO deployment_event (deployment_id, event_id, at, message) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
            )
            .bind(id)
            .bind(&event.id)
            .bind(event.at)
            .bind(&event.message)
            .execute(tx.connection())
            .await?;
        }
        for task in &self.tasks {
            sqlx::query(
                "INSERT INTO deployment_task (deployment_id, task_arn, status, stop_code, reason, exit_code, container_reason, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (deployment_id, task_arn) DO UPDATE SET status = $3, stop_code = $4, reason = $5,
                     exit_code = $6, container_reason = $7, at = $8",
            )
            .bind(id)
            .bind(&task.task_arn)
            .bind(&task.status)
            .bind(&task.stop_code)
            .bind(&task.reason)
            .bind(task.exit_code)
            .bind(&task.container_reason)
            .bind(task.at)
            .execute(tx.connection())
            .await?;
        }
        if !self.is_empty() {
            tx.event("deployment", id);
        }
        Ok(())
    }
}

/// Tasks that are kept, newest first.
pub(super) async fn tasks_of(db: &Db, id: &str) -> sqlx::Result<Vec<TaskRow>> {
    sqlx::query_as(
        "SELECT task_arn, status, stop_code, reason, exit_code, container_reason, at
         FROM deployment_task WHERE deployment_id = $1 ORDER BY at DESC, task_arn",
    )
    .bind(id)
    .fetch_all(db.read())
    .await
}

/// Events that are kept, newest first.
pub(super) async fn events_of(db: &Db, id: &str) -> sqlx::Result<Vec<(Millis, String)>> {
    sqlx::query_as(
        "SELECT at, message FROM deployment_event WHERE deployment_id = $1 ORDER BY at DESC, event_id DESC",
    )
    .bind(id)
    .fetch_all(db.read())
    .await
}

/// What is kept, as a transaction sees it.
pub(super) async fn kept_in(tx: &mut Tx, id: &str) -> sqlx::Result<Kept> {
    let tasks: Vec<TaskRow> = sqlx::query_as(
        "SELECT task_arn, status, stop_code, reason, exit_code, container_reason, at
         FROM deployment_task WHERE deployment_id = $1 ORDER BY at DESC, task_arn",
    )
    .bind(id)
    .fetch_all(tx.connection())
    .await?;
    let events: Vec<(String, Millis)> = sqlx::query_as(
        "SELECT message, at FROM deployment_event WHERE deployment_id = $1 ORDER BY at DESC, event_id DESC",
    )
    .bind(id)
    .fetch_all(tx.connection())
    .await?;
    Ok(Kept {
        tasks: tasks.iter().map(TaskRow::evidence).collect(),
        events: events.into_iter().map(|(message, _)| message).collect(),
    })
}

impl TaskRow {
    /// For the diagnosis.
    pub fn evidence(&self) -> TaskEvidence {
        TaskEvidence {
            stop_code: self.stop_code.clone(),
            reason: self.reason.clone(),
            container_reason: self.container_reason.clone(),
            exit_code: self.exit_code,
        }
    }
}
