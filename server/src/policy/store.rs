//! Numbered revisions in the database.

use std::sync::Arc;

use app::account::Actor;

use super::{Policy, PolicyError};
use crate::audit::Entry;
use crate::crypto::sha256_hex;
use crate::db::Db;

/// A revision of the policy.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its number, from 1.
    pub number: i64,
    /// What it says.
    pub policy: Arc<Policy>,
}

/// The newest revision; `None` before the first was applied.
///
/// # Errors
/// The database does not answer, or the document in it is not sound.
pub async fn current(db: &Db) -> anyhow::Result<Option<Revision>> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT revision, document FROM policy ORDER BY revision DESC LIMIT 1")
            .fetch_optional(db.read())
            .await?;
    row.map(|(number, document)| {
        Ok(Revision {
            number,
            policy: Arc::new(Policy::parse(&document)?),
        })
    })
    .transpose()
}

/// One revision by its number; `None` where there is no such.
///
/// # Errors
/// The database does not answer, or the document in it is not sound.
pub async fn at(db: &Db, number: i64) -> anyhow::Result<Option<Revision>> {
    let document: Option<String> = sqlx::query_scalar("SELECT document FROM policy WHERE revision = $1")
        .bind(number)
        .fetch_optional(db.read())
        .await?;
    document
        .map(|document| {
            Ok(Revision {
                number,
                policy: Arc::new(Policy::parse(&document)?),
            })
        })
        .transpose()
}

/// Applies a document as the next revision; answers its number. The same text twice is one revision.
///
/// # Errors
/// [`PolicyError`] where the document is not sound.
pub async fn apply(db: &Db, actor: &Actor, document: &str) -> anyhow::Result<i64> {
    Policy::parse(document)?;
    let sha256 = sha256_hex(document.as_bytes());
    let mut tx = db.begin().await?;
    let newest: Option<(i64, String)> =
        sqlx::query_as("SELECT revision, sha256 FROM policy ORDER BY revision DESC LIMIT 1")
            .fetch_optional(tx.connection())
            .await?;
    let number = match newest {
        Some((number, same)) if same == sha256 => return Ok(number),
        Some((number, _)) => number + 1,
        None => 1,
    };
    let now = tx.now();
    sqlx::query(
        "INSERT INTO policy (revision, document, sha256, applied_by, applied_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(number)
    .bind(document)
    .bind(&sha256)
    .bind(&actor.id)
    .bind(now)
    .execute(tx.connection())
    .await?;
    tx.audit(
        Entry::new(
            actor,
            "policy.apply",
            number.to_string(),
            format!("policy revision {number}"),
        )
        .with("sha256", sha256),
    );
    tx.changes_verdicts();
    tx.event("policy", number.to_string());
    tx.commit().await?;
    Ok(number)
}

impl From<PolicyError> for app::error::ApiError {
    fn from(fault: PolicyError) -> Self {
        Self::Invalid(fault.to_string())
    }
}

/// The newest revision's text.
///
/// # Errors
/// The database does not answer.
pub async fn export(db: &Db) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("SELECT document FROM policy ORDER BY revision DESC LIMIT 1")
        .fetch_optional(db.read())
        .await
}
