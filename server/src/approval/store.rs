//! Approvals in the database.

use std::collections::{BTreeMap, BTreeSet};

use app::text::Millis;
use sqlx::{AnyExecutor, FromRow};

use crate::crypto::sha256_hex;
use crate::db::Db;
use crate::policy;
use crate::train::{self, Phase};

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

/// Whether what a departed train was approved for is still what it carries: asked by the deployment engine before its
/// first call to AWS. `Ok(Err(why))` means: do not begin.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn still_valid(db: &Db, train_id: &str) -> anyhow::Result<Result<(), String>> {
    let Some(train) = train::by_id(db, train_id).await? else {
        return Ok(Err("its train is not there".to_owned()));
    };
    let Phase::Departing(sealed, departure) = &train.phase else {
        return Ok(Err(format!(
            "{} is {}, not departing",
            train.title(),
            train.state().word().to_lowercase()
        )));
    };
    if sha256_hex(sealed.manifest.as_bytes()) != sealed.sha256 {
        return Ok(Err(format!(
            "the manifest of {} is not the one that was sealed",
            train.title()
        )));
    }
    let said: BTreeMap<String, (String, String)> = train::manifest_cars(&sealed.manifest)
        .into_iter()
        .map(|car| (car.slot, (car.digest, car.content_sha256)))
        .collect();
    for car in train::cars(db, train_id).await? {
        let carried = car
            .content
            .as_ref()
            .map(|content| (car.digest.clone(), content.sha256.clone()));
        if said.get(&car.slot_id) != carried.as_ref() {
            return Ok(Err(format!(
                "a car of {} does not carry what its manifest says",
                train.title()
            )));
        }
    }
    let Some(revision) = policy::at(db, sealed.policy_revision).await? else {
        return Ok(Err("the policy it was sealed under is not there".to_owned()));
    };
    let needed = revision
        .policy
        .environment(&train.environment)
        .map_or(0, |environment| environment.approvals.count);
    let counted: Vec<Approval> = of_train(db.read(), train_id)
        .await?
        .into_iter()
        .filter(|one| one.void_at.is_none() && one.manifest_sha256 == sealed.sha256)
        .collect();
    if let Some(rejection) = counted.iter().find(|one| one.approved == 0) {
        return Ok(Err(format!("{} rejected it", rejection.person)));
    }
    let people: BTreeSet<&str> = counted
        .iter()
        .filter(|one| one.policy_revision == sealed.policy_revision && one.expires_at > departure.at)
        .map(|one| one.person_id.as_str())
        .collect();
    if people.len() < usize::try_from(needed).unwrap_or(usize::MAX) {
        return Ok(Err(format!(
            "{} of {needed} approvals of {} still count",
            people.len(),
            train.title()
        )));
    }
    Ok(Ok(()))
}
