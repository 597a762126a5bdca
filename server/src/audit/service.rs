//! What pages ask of the audit.

use std::sync::Arc;

use app::account::{Actor, Permission};
use app::audit::{AuditEntry, AuditFilter, AuditPage, AuditPort};
use app::error::ApiError;
use app::text::Millis;
use async_trait::async_trait;
use sqlx::FromRow;
use tokio::sync::Mutex;

use super::verify::verify;
use crate::auth::{Place, require};
use crate::db::{Db, Inconsistent};
use crate::error::OrInternal;

/// Entries on a page.
const PAGE: usize = 50;
/// For how long a verification is told instead of being made again.
const BELIEVED: Millis = 10 * 60_000;

/// The audit.
#[derive(Clone)]
pub struct Audits {
    db: Db,
    verified: Arc<Mutex<Option<Verified>>>,
}

#[derive(Clone)]
struct Verified {
    at: Millis,
    sentence: String,
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    at: i64,
    actor: String,
    action: String,
    subject: String,
    href: Option<String>,
    details: String,
    seal: String,
}

impl Audits {
    /// Reads from a database.
    pub fn new(db: Db) -> Self {
        Self {
            db,
            verified: Arc::default(),
        }
    }

    /// Whether the chain is intact, as of a few minutes ago at most.
    async fn chain(&self) -> anyhow::Result<String> {
        let now = self.db.now();
        let mut verified = self.verified.lock().await;
        let known = verified.clone().filter(|known| now < known.at + BELIEVED);
        let known = match known {
            Some(known) => known,
            None => {
                let report = verify(&self.db, None).await?;
                let sentence = match report.faults.first() {
                    None => format!("The chain of {} entries was intact", report.entries),
                    Some(fault) => format!("The chain is BROKEN ({fault})"),
                };
                verified.insert(Verified { at: now, sentence }).clone()
            }
        };
        let ago = (now - known.at) / 60_000;
        let when = if ago == 0 {
            "just now".to_owned()
        } else {
            format!("{ago} min ago")
        };
        Ok(format!("{} when it was verified {when}.", known.sentence))
    }
}

#[async_trait]
impl AuditPort for Audits {
    async fn entries(&self, actor: &Actor, filter: AuditFilter) -> Result<AuditPage, ApiError> {
        require(actor, Permission::Audit, Place::Anywhere)?;
        let part = |text: &Option<String>, anywhere: bool| {
            let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
            let escaped = text
                .to_lowercase()
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_");
            Some(if anywhere {
                format!("%{escaped}%")
            } else {
                format!("{escaped}%")
            })
        };
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT seq, at, actor, action, subject, href, details, seal FROM audit
             WHERE ($1 IS NULL OR LOWER(actor) LIKE $1 ESCAPE '\\')
               AND ($2 IS NULL OR LOWER(action) LIKE $2 ESCAPE '\\')
               AND ($3 IS NULL OR LOWER(subject) LIKE $3 ESCAPE '\\')
               AND ($4 IS NULL OR seq < $4)
             ORDER BY seq DESC LIMIT 51",
        )
        .bind(part(&filter.actor, true))
        .bind(part(&filter.action, false))
        .bind(part(&filter.subject, true))
        .bind(filter.before)
        .fetch_all(self.db.read())
        .await
        .or_internal()?;
        let more = rows.len() > PAGE;
        let entries: Vec<AuditEntry> = rows
            .into_iter()
            .take(PAGE)
            .map(AuditEntry::try_from)
            .collect::<Result<_, _>>()
            .or_internal()?;
        Ok(AuditPage {
            next: entries.last().map(|entry| entry.seq).filter(|_| more),
            entries,
            chain: self.chain().await.or_internal()?,
        })
    }
}

impl TryFrom<Row> for AuditEntry {
    type Error = Inconsistent;

    fn try_from(row: Row) -> Result<Self, Inconsistent> {
        let details = serde_json::from_str(&row.details).map_err(|cause| Inconsistent {
            table: "audit",
            id: row.seq.to_string(),
            what: format!("details cannot be read: {cause}"),
        })?;
        Ok(Self {
            seq: row.seq,
            at: row.at,
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            href: row.href,
            details,
            seal: row.seal.chars().take(12).collect(),
        })
    }
}
