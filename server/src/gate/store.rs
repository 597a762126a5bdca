//! The last verdicts of a train's gates, for "since when".

use std::collections::BTreeMap;

use app::text::Millis;
use app::train::{GateView, Verdict};
use sqlx::{AnyExecutor, FromRow};

use super::{Finding, Gate};
use crate::db::{Db, Tx};
use crate::train::{Refused, Train, unchanged};

/// A verdict as it was last computed.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Kept {
    /// The gate's key.
    pub gate: String,
    /// Service; empty for the train itself.
    pub service: String,
    /// The verdict's word.
    pub verdict: String,
    /// Why.
    pub sentence: String,
    /// Who can resolve it.
    pub resolve: Option<String>,
    /// Since when the verdict is this.
    pub since: Millis,
}

impl Kept {
    /// As the page shows it; `None` where this program does not know the gate any more.
    pub fn view(&self) -> Option<GateView> {
        let gate = ALL.iter().find(|gate| gate.key() == self.gate)?;
        Some(GateView {
            name: gate.name().to_owned(),
            verdict: self.verdict.parse::<Verdict>().ok()?,
            sentence: self.sentence.clone(),
            resolve: self.resolve.clone(),
            service: Some(self.service.clone()).filter(|service| !service.is_empty()),
        })
    }
}

const ALL: &[Gate] = &[
    Gate::Build,
    Gate::Stages,
    Gate::Image,
    Gate::Branch,
    Gate::Regress,
    Gate::Soaked,
    Gate::Definition,
    Gate::KnownGood,
    Gate::Idle,
    Gate::Alarms,
    Gate::Fresh,
    Gate::Held,
    Gate::Approvals,
];

/// The verdicts that were kept for a train.
///
/// # Errors
/// The database does not answer.
pub async fn kept(db: &Db, train: &str) -> sqlx::Result<Vec<Kept>> {
    read(db.read(), train).await
}

async fn read<'c>(from: impl AnyExecutor<'c>, train: &str) -> sqlx::Result<Vec<Kept>> {
    sqlx::query_as(
        "SELECT gate, service, verdict, sentence, resolve, since FROM gate_verdict
         WHERE train_id = $1 ORDER BY gate, service",
    )
    .bind(train)
    .fetch_all(from)
    .await
}

/// Whether these verdicts say anything else than the kept ones.
pub fn differs(kept: &[Kept], findings: &[Finding]) -> bool {
    let before: BTreeMap<(&str, &str), (&str, &str)> = kept
        .iter()
        .map(|one| {
            (
                (one.gate.as_str(), one.service.as_str()),
                (one.verdict.as_str(), one.sentence.as_str()),
            )
        })
        .collect();
    before.len() != findings.len()
        || findings.iter().any(|finding| {
            before.get(&(finding.gate.key(), finding.service.as_deref().unwrap_or("")))
                != Some(&(finding.verdict.as_str(), finding.sentence.as_str()))
        })
}

/// Keeps a train's verdicts while it is as it was when they were found: those it departed on stay. Writes nothing
/// where nothing changed.
///
/// # Errors
/// [`Refused::Moved`] where the train moved on since, or the database does not answer.
pub async fn keep(db: &Db, train: &Train, findings: &[Finding]) -> Result<(), Refused> {
    if !differs(&kept(db, &train.id).await?, findings) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    unchanged(&mut tx, train).await?;
    write(&mut tx, &train.id, findings).await?;
    tx.event("train", &train.id);
    tx.commit().await?;
    Ok(())
}

/// Writes a train's verdicts; one that stays keeps its `since`.
///
/// # Errors
/// The database does not answer.
pub async fn write(tx: &mut Tx, train: &str, findings: &[Finding]) -> sqlx::Result<()> {
    let before = read(tx.connection(), train).await?;
    let now = tx.now();
    sqlx::query("DELETE FROM gate_verdict WHERE train_id = $1")
        .bind(train)
        .execute(tx.connection())
        .await?;
    for finding in findings {
        let service = finding.service.as_deref().unwrap_or("");
        let since = before
            .iter()
            .find(|one| {
                one.gate == finding.gate.key()
                    && one.service == service
                    && one.verdict == finding.verdict.as_str()
            })
            .map_or(now, |one| one.since);
        insert(tx, train, finding, service, since).await?;
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    train: &str,
    finding: &Finding,
    service: &str,
    since: Millis,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO gate_verdict (train_id, gate, service, verdict, sentence, resolve, since)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(train)
    .bind(finding.gate.key())
    .bind(service)
    .bind(finding.verdict.as_str())
    .bind(&finding.sentence)
    .bind(&finding.resolve)
    .bind(since)
    .execute(tx.connection())
    .await?;
    Ok(())
}
