//! Asking for a deployment: the only way one begins. The slot is taken in the same transaction, by a unique index
//! over what holds slots, so that two never work on one.

use app::account::Actor;
use app::deployment::DeploymentKind;
use app::text::Millis;
use serde_json::Value;

use super::state::{Facts, State};
use crate::crypto::{Cipher, canonical_json, sha256_hex};
use crate::db::Tx;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewDeployment<'a> {
    /// The slot.
    pub slot_id: &'a str,
    /// Where it comes from.
    pub kind: DeploymentKind,
    /// The train, for a car.
    pub train_id: Option<&'a str>,
    /// The car.
    pub car_id: Option<&'a str>,
    /// Repository with its registry.
    pub image_repository: &'a str,
    /// Image to run.
    pub digest: &'a str,
    /// Commit it was made from.
    pub commit_id: Option<&'a str>,
    /// Image that runs now.
    pub from_digest: Option<&'a str>,
    /// ARN of the task definition the content was made from; another one at preflight stops the deployment.
    pub base_task_definition: Option<&'a str>,
    /// The RegisterTaskDefinition input without tags. Without it, it is made from what the slot runs at preflight.
    pub content: Option<&'a Value>,
    /// What was approved: sha256 of the content's canonical JSON.
    pub content_sha256: Option<&'a str>,
    /// Who asks.
    pub requested_by: &'a Actor,
    /// Why.
    pub reason: Option<&'a str>,
    /// When to give up before ECS was told; by default the environment's deadline from now.
    pub deadline_at: Option<Millis>,
}

/// Why a deployment was not begun.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Another one holds the slot.
    #[error("deployment {deployment_id} holds this slot until it is at rest or resolved")]
    SlotBusy {
        /// That one.
        deployment_id: String,
    },
    /// The content is not what was approved.
    #[error("the task definition's content is not the one that was sealed")]
    ContentChanged,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Begins a deployment within the caller's transaction; answers its id. The caller writes the audit entry.
///
/// # Errors
/// [`RequestError::SlotBusy`] where another deployment holds the slot.
pub async fn request(tx: &mut Tx, cipher: &Cipher, new: NewDeployment<'_>) -> Result<String, RequestError> {
    let id = tx.id("dep");
    let now = tx.now();
    let plain = new.content.map(canonical_json);
    let sha256 = plain.as_deref().map(|text| sha256_hex(text.as_bytes()));
    if let (Some(sealed), Some(given)) = (new.content_sha256, sha256.as_deref())
        && sealed != given
    {
        return Err(RequestError::ContentChanged);
    }
    let content = plain.map(|text| cipher.seal(tx.ids(), &format!("deployment/{id}"), &text));
    let facts = Facts {
        since: now,
        state: State::Requested,
    };
    let inserted = sqlx::query(
        "INSERT INTO deployment (id, slot_id, kind, train_id, car_id, image_repository, digest, commit_id, from_digest,
             base_task_definition, content, content_sha256, requested_by, requested_by_name, reason, requested_at,
             state, phase, version, facts, deadline_at, wake_at, fence)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 1, $19, $20, $16, 0)
         ON CONFLICT DO NOTHING",
    )
    .bind(&id)
    .bind(new.slot_id)
    .bind(new.kind.as_str())
    .bind(new.train_id)
    .bind(new.car_id)
    .bind(new.image_repository)
    .bind(new.digest)
    .bind(new.commit_id)
    .bind(new.from_digest)
    .bind(new.base_task_definition)
    .bind(content)
    .bind(sha256.as_deref().or(new.content_sha256))
    .bind(&new.requested_by.id)
    .bind(&new.requested_by.name)
    .bind(new.reason)
    .bind(now)
    .bind(facts.state.word().as_str())
    .bind(facts.state.phase())
    .bind(facts.encode())
    .bind(new.deadline_at)
    .execute(tx.connection())
    .await?
    .rows_affected();
    if inserted == 0 {
        let deployment_id: Option<String> = sqlx::query_scalar(
            "SELECT id FROM deployment
             WHERE slot_id = $1 AND (ended_at IS NULL OR (state = 'needs-human' AND resolved_at IS NULL))",
        )
        .bind(new.slot_id)
        .fetch_optional(tx.connection())
        .await?;
        return Err(RequestError::SlotBusy {
            deployment_id: deployment_id.unwrap_or_default(),
        });
    }
    tx.event("deployment", &id);
    tx.event("slot", new.slot_id);
    Ok(id)
}
