//! Approvals in the database.

use app::text::Millis;
use sqlx::{AnyExecutor, FromRow};

/// One approval or rejection.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Approval {
    /// `apv_…`
    pub id: String,
    /// The manifest it consents to.
    pub manifest_sha256: String,
    /// The policy it was given under.
    pub policy_revision: i64,
    /// `usr_…`
    pub person_id: String,
    /// The person's name.
    pub person: String,
    /// 1: approved; 0: rejected.
    pub approved: i64,
    /// What they said.
    pub comment: Option<String>,
    /// When.
    pub at: Millis,
    /// Until when it counts.
    pub expires_at: Millis,
    /// Since when it does not count any more.
    pub void_at: Option<Millis>,
    /// Why.
    pub void_why: Option<String>,
}

/// Every approval and rejection of a train, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn of_train<'c>(from: impl AnyExecutor<'c>, train: &str) -> sqlx::Result<Vec<Approval>> {
    sqlx::query_as(
        "SELECT approval.id, approval.manifest_sha256, approval.policy_revision, approval.person_id,
                person.name AS person, approval.approved, approval.comment, approval.at, approval.expires_at,
                approval.void_at, approval.void_why
         FROM approval JOIN person ON person.id = approval.person_id
         WHERE approval.train_id = $1 ORDER BY approval.at DESC, approval.id DESC",
    )
    .bind(train)
    .fetch_all(from)
    .await
}
