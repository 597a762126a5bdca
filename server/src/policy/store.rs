//! Numbered revisions in the database.

use std::sync::Arc;

use app::account::Actor;

use super::{Policy, PolicyError};
use crate::audit::Entry;
use crate::crypto::sha256_hex;
use crate::db::{Db, Tx};

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
/// [`PolicyError`] where the document is not sound, or has no environment any more whose trains have not ended.
pub async fn apply(db: &Db, actor: &Actor, document: &str) -> anyhow::Result<i64> {
    let policy = Policy::parse(document)?;
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
    strands_no_train(&mut tx, &policy).await?;
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

/// A train whose environment is gone would wait for ever: nothing moves it, and nobody may cancel it.
async fn strands_no_train(tx: &mut Tx, policy: &Policy) -> anyhow::Result<()> {
    let open: Vec<(String, i64)> = sqlx::query_as(
        "SELECT environment, number FROM train WHERE state IN ('boarding', 'sealed', 'departing')
         ORDER BY environment, number",
    )
    .fetch_all(tx.connection())
    .await?;
    let stranded: Vec<String> = open
        .iter()
        .filter(|(environment, _)| policy.environment(environment).is_none())
        .map(|(environment, number)| format!("{environment} #{number}"))
        .collect();
    if stranded.is_empty() {
        return Ok(());
    }
    Err(PolicyError(format!(
        "it leaves out the environment of trains that have not ended: {}. Apply it first with that environment and \
         `sources = []`, so that no other train boards there; cancel these or let them end; then leave it out",
        stranded.join(", ")
    ))
    .into())
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
