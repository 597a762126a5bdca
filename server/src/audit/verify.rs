//! Checks the chain: every entry's seal over the one before it, and every exported head.

use std::fmt;
use std::path::Path;

use sqlx::FromRow;

use super::chain::Entry;
use super::checkpoint;
use crate::db::Db;

/// Entries read at a time.
const PAGE: i64 = 1000;
/// Faults that are told; more are counted only.
const TOLD: usize = 20;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries read.
    pub entries: u64,
    /// Exported heads compared.
    pub heads: usize,
    /// What is wrong, in order.
    pub faults: Vec<String>,
    /// How many more faults there are than were told.
    pub more: usize,
}

impl Report {
    /// Nothing is wrong.
    pub const fn sound(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, text: String) {
        if self.faults.len() < TOLD {
            self.faults.push(text);
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(f, "✗ {fault}")?;
        }
        if self.more > 0 {
            writeln!(f, "✗ and {} faults more", self.more)?;
        }
        let verdict = if self.sound() { "sound" } else { "not sound" };
        write!(
            f,
            "{} entries, {} exported heads: the audit is {verdict}",
            self.entries, self.heads
        )?;
        if self.heads == 0 {
            write!(
                f,
                ". Without exported heads (--checkpoint) nobody can tell whether the chain was made anew by somebody with the key"
            )?;
        }
        Ok(())
    }
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    at: i64,
    actor_id: String,
    actor: String,
    action: String,
    subject_id: String,
    subject: String,
    href: Option<String>,
    details: String,
    seal: String,
}

/// Checks every entry, and where a file of exported heads is given, each of them.
///
/// # Errors
/// The database does not answer, or the file cannot be read. What is wrong with the audit stands in the report.
pub async fn verify(db: &Db, checkpoint: Option<&Path>) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let heads = match checkpoint {
        Some(file) => {
            let (heads, broken) = checkpoint::read(file)?;
            for line in broken {
                report.fault(format!("{}, line {line}: not an exported head", file.display()));
            }
            heads
        }
        None => Vec::new(),
    };
    report.heads = heads.len();
    // What is written meanwhile is left for the next time. The counter is read after the newest entry and the heads, so
    // that it cannot lie before one of them unless somebody set it back.
    let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM audit")
        .fetch_one(db.read())
        .await?;
    let until: i64 = sqlx::query_scalar("SELECT value FROM counter WHERE name = 'seq'")
        .fetch_one(db.read())
        .await?;
    if let Some(newest) = newest.filter(|newest| *newest > until) {
        report.fault(format!(
            "entry {newest}: the counter of entries stands at {until}, before it, so one of them was changed"
        ));
    }
    let until = until.max(newest.unwrap_or_default());
    let (mut previous, mut last) = (String::new(), 0);
    loop {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT seq, at, actor_id, actor, action, subject_id, subject, href, details, seal
             FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3",
        )
        .bind(last)
        .bind(until)
        .bind(PAGE)
        .fetch_all(db.read())
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            report.entries += 1;
            if let Some(what) = broken(db, &previous, &row) {
                report.fault(format!("entry {}: {what}", row.seq));
            }
            for head in heads.iter().filter(|head| last < head.seq && head.seq <= row.seq) {
                if head.seq < row.seq {
                    report.fault(format!(
                        "entry {}: exported once, and not there any more",
                        head.seq
                    ));
                } else if head.seal != row.seal || head.at != row.at {
                    report.fault(format!(
                        "entry {}: its seal is not the one that was exported, so the chain was made anew since",
                        head.seq
                    ));
                }
            }
            last = row.seq;
            previous = row.seal;
        }
    }
    if let Some(newest) = heads
        .iter()
        .map(|head| head.seq)
        .max()
        .filter(|newest| *newest > last)
    {
        report.fault(format!(
            "the audit ends at entry {last}, but entry {newest} was exported once: the newest entries were cut off"
        ));
    } else {
        missing_tail(db, last, until, &mut report).await?;
    }
    Ok(report)
}

/// What is wrong with an entry that follows another.
fn broken(db: &Db, previous: &str, row: &Row) -> Option<&'static str> {
    let Ok(details) = serde_json::from_str(&row.details) else {
        return Some("its details cannot be read");
    };
    let entry = Entry {
        actor_id: row.actor_id.clone(),
        actor: row.actor.clone(),
        action: row.action.clone(),
        subject_id: row.subject_id.clone(),
        subject: row.subject.clone(),
        href: row.href.clone(),
        details,
    };
    if entry.details_json() != row.details {
        return Some("its details were changed");
    }
    let seal = db.context.audit_key.seal(previous, row.seq, row.at, &entry);
    (seal != row.seal).then_some(
        "its seal does not fit: it was changed, inserted or moved, or the entry before it was removed, or keys.audit is another",
    )
}

/// Even without exported heads a cut leaves a trace: every commit with entries left an event behind them.
async fn missing_tail(db: &Db, last: i64, until: i64, report: &mut Report) -> sqlx::Result<()> {
    let after: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE topic = 'audit' AND seq > $1 AND seq <= $2")
            .bind(last)
            .bind(until)
            .fetch_one(db.read())
            .await?;
    let expected = i64::from(last > 0);
    if after > expected {
        report.fault(format!(
            "the audit ends at entry {last}, but {} later commits wrote entries: the newest ones were cut off",
            after - expected
        ));
    }
    Ok(())
}
