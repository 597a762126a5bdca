//! Making and sealing entries.

use app::account::Actor;
use app::text::Millis;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use sqlx::{Any, Transaction};

/// The key that seals the audit.
#[derive(Clone)]
pub struct AuditKey(SecretString);

impl AuditKey {
    /// From the configuration.
    pub const fn new(key: SecretString) -> Self {
        Self(key)
    }

    /// The seal of an entry that follows another.
    pub fn seal(&self, previous: &str, seq: i64, at: Millis, entry: &Entry) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).expect("any length");
        for field in [
            previous,
            &seq.to_string(),
            &at.to_string(),
            &entry.actor_id,
            &entry.actor,
            &entry.action,
            &entry.subject_id,
            &entry.subject,
            entry.href.as_deref().unwrap_or("\0"),
            &entry.details_json(),
        ] {
            // Length first, so that no two different entries read the same.
            mac.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(field.as_bytes());
        }
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// An entry about to be written.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `usr_…` or `system`.
    pub actor_id: String,
    /// The actor's name at that time.
    pub actor: String,
    /// `noun.verb`
    pub action: String,
    /// Id of what it was done to.
    pub subject_id: String,
    /// What it was done to, as people call it.
    pub subject: String,
    /// Where that is shown.
    pub href: Option<String>,
    /// Why, and what else is known.
    pub details: Vec<(String, String)>,
}

impl Entry {
    /// "`actor` did `action` to `subject`".
    pub fn new(
        actor: &Actor,
        action: impl Into<String>,
        subject_id: impl Into<String>,
        subject: impl Into<String>,
    ) -> Self {
        Self {
            actor_id: actor.id.clone(),
            actor: actor.name.clone(),
            action: action.into(),
            subject_id: subject_id.into(),
            subject: subject.into(),
            href: None,
            details: Vec::new(),
        }
    }

    /// Where the subject is shown.
    #[must_use]
    pub fn at(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.push((name.into(), value.into()));
        self
    }

    /// Details as stored and sealed.
    pub fn details_json(&self) -> String {
        serde_json::to_string(&self.details).unwrap_or_default()
    }
}

/// Writes an entry at its place. The caller holds the `seq` counter, so nobody else writes meanwhile.
///
/// # Errors
/// The database does not answer.
pub async fn append(
    transaction: &mut Transaction<'static, Any>,
    key: &AuditKey,
    seq: i64,
    at: Millis,
    entry: &Entry,
) -> sqlx::Result<()> {
    let previous: Option<String> = sqlx::query_scalar("SELECT seal FROM audit ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut **transaction)
        .await?;
    let seal = key.seal(previous.as_deref().unwrap_or(""), seq, at, entry);
    sqlx::query(
        "INSERT INTO audit (seq, at, actor_id, actor, action, subject_id, subject, href, details, seal)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(seq)
    .bind(at)
    .bind(&entry.actor_id)
    .bind(&entry.actor)
    .bind(&entry.action)
    .bind(&entry.subject_id)
    .bind(&entry.subject)
    .bind(&entry.href)
    .bind(entry.details_json())
    .bind(seal)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
