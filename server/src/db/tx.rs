//! A write transaction: the change, its audit entries and its events, together or not at all.

use std::sync::Arc;

use app::text::Millis;
use sqlx::{Any, AnyConnection, Transaction};
use tokio::sync::watch;

use super::Context;
use crate::audit::{self, Entry};
use crate::crypto::Cipher;

/// A write transaction. Dropped without [`Tx::commit`], nothing of it happened.
pub struct Tx {
    inner: Transaction<'static, Any>,
    context: Arc<Context>,
    changed: watch::Sender<i64>,
    audit: Vec<Entry>,
    events: Vec<(&'static str, String)>,
    epoch: bool,
}

impl Tx {
    pub(super) const fn new(
        inner: Transaction<'static, Any>,
        context: Arc<Context>,
        changed: watch::Sender<i64>,
    ) -> Self {
        Self {
            inner,
            context,
            changed,
            audit: Vec::new(),
            events: Vec::new(),
            epoch: false,
        }
    }

    /// The connection, to run statements on: `.execute(tx.connection())`.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Now, by the program's clock.
    pub fn now(&self) -> Millis {
        self.context.clock.now()
    }

    /// A new id with this prefix.
    pub fn id(&self, prefix: &str) -> String {
        self.context.ids.next(prefix, self.now())
    }

    /// Where random bytes come from.
    pub fn ids(&self) -> &crate::clock::Ids {
        &self.context.ids
    }

    /// Seals a document for the database.
    pub fn seal(&self, cipher: &Cipher, place: &str, plain: &str) -> String {
        cipher.seal(&self.context.ids, place, plain)
    }

    /// Says who did what: written at commit.
    pub fn audit(&mut self, entry: Entry) {
        self.audit.push(entry);
    }

    /// Says that something of a topic changed: `train`, `deployment`, `slot`, `build`, `sync`, `audit`.
    pub fn event(&mut self, topic: &'static str, subject: impl Into<String>) {
        let event = (topic, subject.into());
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// Says that this write can change a gate's verdict, so that a departure decided beside it is decided again.
    pub const fn changes_verdicts(&mut self) {
        self.epoch = true;
    }

    /// Commits everything.
    ///
    /// # Errors
    /// Nothing happened, unless the connection broke at the very commit.
    pub async fn commit(mut self) -> sqlx::Result<()> {
        if self.epoch {
            sqlx::query("UPDATE counter SET value = value + 1 WHERE name = 'epoch'")
                .execute(&mut *self.inner)
                .await?;
        }
        if !self.audit.is_empty() {
            self.events.push(("audit", String::new()));
        }
        let count = i64::try_from(self.audit.len() + self.events.len()).unwrap_or(i64::MAX);
        let mut newest = None;
        if count > 0 {
            // Last in the transaction: the row stays locked until the commit, so nobody ever skips a number.
            sqlx::query("UPDATE counter SET value = value + $1 WHERE name = 'seq'")
                .bind(count)
                .execute(&mut *self.inner)
                .await?;
            let last: i64 = sqlx::query_scalar("SELECT value FROM counter WHERE name = 'seq'")
                .fetch_one(&mut *self.inner)
                .await?;
            let mut seq = last - count;
            let now = self.now();
            for (entry, place) in self.audit.iter().zip(seq + 1..) {
                audit::append(&mut self.inner, &self.context.audit_key, place, now, entry).await?;
                seq = place;
            }
            for ((topic, subject), place) in self.events.iter().zip(seq + 1..) {
                sqlx::query("INSERT INTO events (seq, topic, subject, at) VALUES ($1, $2, $3, $4)")
                    .bind(place)
                    .bind(*topic)
                    .bind(subject)
                    .bind(now)
                    .execute(&mut *self.inner)
                    .await?;
            }
            newest = Some(last);
        }
        self.inner.commit().await?;
        if let Some(last) = newest {
            self.changed.send_if_modified(|seen| {
                let newer = last > *seen;
                *seen = last.max(*seen);
                newer
            });
        }
        Ok(())
    }
}
