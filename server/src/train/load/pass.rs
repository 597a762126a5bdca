//! What is read once for a whole pass.

use std::collections::BTreeMap;

use app::text::Millis;
use sqlx::FromRow;

use super::Loader;
use crate::approval;
use crate::deployment::{self, UnderWay};
use crate::policy::{self, Environment, Policy};
use crate::service::{self, Slot};
use crate::train::facts::SourceFact;

/// What is read once for a whole pass.
pub(super) struct Pass {
    pub(super) revision: policy::Revision,
    pub(super) now: Millis,
    pub(super) slots: Vec<Slot>,
    pub(super) busy: BTreeMap<String, UnderWay>,
    pub(super) sources: Vec<SourceRow>,
    pub(super) refusals: BTreeMap<(String, String), String>,
    pub(super) arrived: BTreeMap<String, (String, Millis)>,
    pub(super) people: Option<approval::People>,
    pub(super) stays: Vec<Stay>,
    /// When the newest deployment of each slot came to rest.
    pub(super) rested: BTreeMap<String, Millis>,
}

/// An image that was deployed to a slot; it stayed until the next one of the same slot.
#[derive(Debug, FromRow)]
pub(super) struct Stay {
    pub(super) slot_id: String,
    pub(super) digest: String,
    pub(super) ended_at: i64,
    pub(super) good: i64,
}

impl Pass {
    /// Whether an image once stayed in a slot for so long and is still thought good there.
    pub(super) fn has_soaked(&self, slot_id: &str, digest: &str, soak: Millis) -> bool {
        let next = self.stays.iter().skip(1).map(Some).chain([None]);
        self.stays.iter().zip(next).any(|(stay, next)| {
            let until = next
                .filter(|next| next.slot_id == stay.slot_id)
                .map_or(self.now, |next| next.ended_at);
            stay.slot_id == slot_id
                && stay.digest == digest
                && stay.good == 1
                && until - stay.ended_at >= soak
        })
    }
}

#[derive(Debug, FromRow)]
pub(super) struct SourceRow {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) reader: String,
    pub(super) read_at: Option<i64>,
    pub(super) missed: i64,
    pub(super) problem: Option<String>,
}

impl Loader {
    pub(super) async fn pass(&self) -> anyhow::Result<Option<Pass>> {
        let Some(revision) = policy::current(&self.db).await? else {
            return Ok(None);
        };
        let refusals: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT slot_id, digest, reason FROM boarding_refusal WHERE allowed_at IS NULL ORDER BY refused_at",
        )
        .fetch_all(self.db.read())
        .await?;
        let arrived: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT slot_id, digest, ended_at FROM deployment
             WHERE state = 'succeeded' AND ended_at IS NOT NULL
               AND ended_at = (SELECT MAX(later.ended_at) FROM deployment later
                               WHERE later.slot_id = deployment.slot_id AND later.state = 'succeeded')",
        )
        .fetch_all(self.db.read())
        .await?;
        let stays: Vec<Stay> = sqlx::query_as(
            "SELECT deployment.slot_id, deployment.digest, deployment.ended_at,
                    CASE WHEN known_good.digest IS NULL OR known_good.bad_at IS NOT NULL THEN 0 ELSE 1 END AS good
             FROM deployment
             LEFT JOIN known_good ON known_good.slot_id = deployment.slot_id AND known_good.digest = deployment.digest
             WHERE deployment.state = 'succeeded' AND deployment.ended_at IS NOT NULL
             ORDER BY deployment.slot_id, deployment.ended_at",
        )
        .fetch_all(self.db.read())
        .await?;
        let rested: Vec<(String, Millis)> = sqlx::query_as(
            "SELECT slot_id, MAX(ended_at) FROM deployment WHERE ended_at IS NOT NULL GROUP BY slot_id",
        )
        .fetch_all(self.db.read())
        .await?;
        let asked = revision
            .policy
            .environments
            .iter()
            .any(|environment| environment.approvals.count > 0);
        let people = if asked {
            Some(approval::People::load(&self.db, &revision.policy).await?)
        } else {
            None
        };
        Ok(Some(Pass {
            revision,
            now: self.db.now(),
            slots: service::slots(&self.db).await?,
            busy: deployment::under_way(&self.db).await?,
            sources: sqlx::query_as("SELECT account, region, reader, read_at, missed, problem FROM scope")
                .fetch_all(self.db.read())
                .await?,
            refusals: refusals
                .into_iter()
                .map(|(slot, digest, reason)| ((slot, digest), reason))
                .collect(),
            arrived: arrived
                .into_iter()
                .map(|(slot, digest, at)| (slot, (digest, at)))
                .collect(),
            people,
            stays,
            rested: rested.into_iter().collect(),
        }))
    }
}

pub(super) fn soak(policy: &Policy, environment: &str) -> Millis {
    policy
        .environment(environment)
        .map_or(0, |environment| Millis::from(environment.soak_seconds) * 1_000)
}

/// The readers whose word the gates of a car rest on.
pub(super) fn sources(
    pass: &Pass,
    environment: &Environment,
    slot: &Slot,
    image_repository: &str,
) -> Vec<SourceFact> {
    let mut wanted = vec![("ecs", "ECS", slot.account.clone(), slot.region.clone())];
    if let Some((account, region)) = registry(image_repository) {
        wanted.push(("ecr", "ECR", account, region));
    }
    if !environment.alarms.is_empty() {
        wanted.push(("alarms", "CloudWatch", slot.account.clone(), slot.region.clone()));
    }
    wanted
        .into_iter()
        .map(|(reader, word, account, region)| {
            let row = pass
                .sources
                .iter()
                .find(|row| row.reader == reader && row.account == account && row.region == region);
            SourceFact {
                name: format!("{word} in {account} · {region}"),
                read_at: row.and_then(|row| row.read_at),
                missed: row.map_or(0, |row| row.missed),
                problem: row.and_then(|row| row.problem.clone()),
            }
        })
        .collect()
}

/// Account and region of a registry: `111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/checkout`.
fn registry(image_repository: &str) -> Option<(String, String)> {
    let mut parts = image_repository.split('/').next()?.split('.');
    let account = parts.next()?;
    let region = parts.skip_while(|part| *part != "ecr").nth(1)?;
    Some((account.to_owned(), region.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_names_account_and_region() {
        assert_eq!(
            registry("111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/checkout"),
            Some(("111122223333".to_owned(), "eu-west-1".to_owned()))
        );
        assert_eq!(registry("docker.io/acme/checkout"), None);
    }
}
