//! Deployments in the database.

use app::deployment::DeploymentKind;
use app::text::Millis;
use sqlx::FromRow;

use super::state::Facts;
use crate::db::{Db, Inconsistent};

/// A row, decoded.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub row: Row,
    pub kind: DeploymentKind,
    pub facts: Facts,
}

/// A row as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Row {
    pub id: String,
    pub slot_id: String,
    pub kind: String,
    pub train_id: Option<String>,
    pub car_id: Option<String>,
    pub image_repository: String,
    pub digest: String,
    pub from_digest: Option<String>,
    pub base_task_definition: Option<String>,
    pub content: Option<String>,
    pub content_sha256: Option<String>,
    pub requested_by_name: String,
    pub reason: Option<String>,
    pub requested_at: Millis,
    pub state: String,
    pub phase: String,
    pub version: i64,
    pub facts: String,
    pub cancel_why: Option<String>,
    pub deadline_at: Option<Millis>,
    pub wake_at: Millis,
    pub read_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    pub verdict: Option<String>,
    pub failure_class: Option<String>,
    pub failure_text: Option<String>,
    pub resolved_at: Option<Millis>,
}

/// One deployment; `None` where there is none.
pub(super) async fn load(db: &Db, id: &str) -> anyhow::Result<Option<Deployment>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, slot_id, kind, train_id, car_id, image_repository, digest, from_digest, base_task_definition,
                content, content_sha256, requested_by_name, reason, requested_at, state, phase, version,
                facts, cancel_why, deadline_at, wake_at, read_at, ended_at, verdict, failure_class, failure_text, resolved_at
         FROM deployment WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(db.read())
    .await?;
    row.map(Deployment::try_from)
        .transpose()
        .map_err(anyhow::Error::from)
}

impl TryFrom<Row> for Deployment {
    type Error = Inconsistent;

    fn try_from(row: Row) -> Result<Self, Inconsistent> {
        let facts = Facts::decode(&row.id, &row.state, &row.phase, &row.facts)?;
        let kind = row.kind.parse().map_err(|what| Inconsistent {
            table: "deployment",
            id: row.id.clone(),
            what,
        })?;
        Ok(Self { row, kind, facts })
    }
}

/// Ids of the deployments that are due, the longest waiting first.
pub(super) async fn due(db: &Db) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT id FROM deployment WHERE ended_at IS NULL AND wake_at <= $1 ORDER BY wake_at, id LIMIT 64",
    )
    .bind(db.now())
    .fetch_all(db.read())
    .await
}
