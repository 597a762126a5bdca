//! Giving and refusing consent.

use app::account::Actor;
use app::error::ApiError;
use app::text::Millis;

use super::consent::{self, Consent};
use super::store::{Approval, of_train};
use crate::audit::Entry;
use crate::db::{Db, Tx};
use crate::error::OrInternal;
use crate::train::{Phase, Sealed, TrainFacts};

/// Consents to a sealed train's manifest. Asked twice, it is given once.
///
/// # Errors
/// The manifest is not the train's any more; the person may not approve this; or they rejected it.
pub async fn approve(
    db: &Db,
    actor: &Actor,
    facts: &TrainFacts,
    manifest: &str,
    comment: Option<&str>,
) -> Result<(), ApiError> {
    let (sealed, consent) = sealed(facts, manifest)?;
    if let Some(why) = consent.objection(&facts.environment, actor) {
        return Err(ApiError::Forbidden(why));
    }
    let before = standing(db, facts, sealed, actor).await?;
    match before {
        Some(one) if one.approved == 0 => {
            return Err(ApiError::Conflict(format!(
                "You rejected this manifest of {}. Reopen the train, change it and seal it again.",
                facts.train.title()
            )));
        }
        Some(one) if one.expires_at > db.now() => return Ok(()),
        None if consent.agreed.contains(&actor.id) => {
            return Err(ApiError::Conflict(
                "You approved it with another of your accounts; it takes somebody else as well.".to_owned(),
            ));
        }
        _ => {}
    }
    let mut tx = begin(db, facts).await?;
    if let Some(old) = before {
        void(&mut tx, &old.id, "it has expired").await?;
    }
    write(&mut tx, actor, facts, sealed, true, comment).await?;
    tx.commit().await.or_internal()
}

/// Refuses a sealed train's manifest; it stays refused until the train is reopened and sealed again.
///
/// # Errors
/// The manifest is not the train's any more, the person has no say here, or there is no reason.
pub async fn reject(
    db: &Db,
    actor: &Actor,
    facts: &TrainFacts,
    manifest: &str,
    reason: &str,
) -> Result<(), ApiError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ApiError::Invalid(
            "Say why: whoever changes the train needs to know.".to_owned(),
        ));
    }
    let (sealed, _) = sealed(facts, manifest)?;
    // Authors may refuse their own work; only consent asks for somebody else.
    let team = crate::train::team(db, &facts.train.id).await.or_internal()?;
    consent::role(&facts.environment, team.as_deref(), actor).map_err(ApiError::Forbidden)?;
    let before = standing(db, facts, sealed, actor).await?;
    if before.as_ref().is_some_and(|one| one.approved == 0) {
        return Ok(());
    }
    let mut tx = begin(db, facts).await?;
    if let Some(old) = before {
        void(&mut tx, &old.id, "the same person rejected it later").await?;
    }
    write(&mut tx, actor, facts, sealed, false, Some(reason)).await?;
    tx.commit().await.or_internal()
}

fn sealed<'a>(facts: &'a TrainFacts, manifest: &str) -> Result<(&'a Sealed, &'a Consent), ApiError> {
    let title = facts.train.title();
    let Phase::Sealed(sealed) = &facts.train.phase else {
        return Err(ApiError::Conflict(format!(
            "{title} is {} now; only a sealed train can be approved.",
            facts.train.state().word().to_lowercase()
        )));
    };
    if sealed.sha256 != manifest {
        return Err(ApiError::Conflict(format!(
            "{title} was sealed again since you looked: what you saw is not what it carries now. Look at it again."
        )));
    }
    if sealed.policy_revision != facts.policy_revision {
        return Err(ApiError::Conflict(format!(
            "The policy was changed after {title} was sealed; it is about to be reopened."
        )));
    }
    let consent = facts
        .consent
        .as_ref()
        .ok_or_else(|| ApiError::Conflict(format!("{title} asks for no approvals.")))?;
    Ok((sealed, consent))
}

async fn standing(
    db: &Db,
    facts: &TrainFacts,
    sealed: &Sealed,
    actor: &Actor,
) -> Result<Option<Approval>, ApiError> {
    Ok(of_train(db.read(), &facts.train.id)
        .await
        .or_internal()?
        .into_iter()
        .find(|one| {
            one.void_at.is_none() && one.manifest_sha256 == sealed.sha256 && one.person_id == actor.id
        }))
}

/// Begins a transaction in which the train is what the person saw.
async fn begin(db: &Db, facts: &TrainFacts) -> Result<Tx, ApiError> {
    let mut tx = db.begin().await.or_internal()?;
    crate::train::unchanged(&mut tx, &facts.train).await?;
    Ok(tx)
}

async fn void(tx: &mut Tx, approval: &str, why: &str) -> Result<(), ApiError> {
    let now = tx.now();
    sqlx::query("UPDATE approval SET void_at = $1, void_why = $2 WHERE id = $3 AND void_at IS NULL")
        .bind(now)
        .bind(why)
        .bind(approval)
        .execute(tx.connection())
        .await
        .or_internal()?;
    Ok(())
}

async fn write(
    tx: &mut Tx,
    actor: &Actor,
    facts: &TrainFacts,
    sealed: &Sealed,
    approved: bool,
    comment: Option<&str>,
) -> Result<(), ApiError> {
    let (id, now) = (tx.id("apv"), tx.now());
    let expires = now + Millis::from(facts.environment.approvals.expire_hours) * 3_600_000;
    let comment = comment.map(str::trim).filter(|comment| !comment.is_empty());
    let written = sqlx::query(
        "INSERT INTO approval (id, train_id, manifest_sha256, policy_revision, person_id, approved, comment, at,
                expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(&facts.train.id)
    .bind(&sealed.sha256)
    .bind(sealed.policy_revision)
    .bind(&actor.id)
    .bind(i64::from(approved))
    .bind(comment)
    .bind(now)
    .bind(expires)
    .execute(tx.connection())
    .await
    .or_internal()?;
    if written.rows_affected() == 0 {
        // The other click of a double click was first.
        return Ok(());
    }
    let action = if approved { "train.approve" } else { "train.reject" };
    let mut said = Entry::new(actor, action, &facts.train.id, facts.train.title())
        .at(facts.train.href())
        .with("manifest", &sealed.sha256);
    if let Some(comment) = comment {
        said = said.with(if approved { "comment" } else { "reason" }, comment);
    }
    tx.audit(said);
    tx.changes_verdicts();
    tx.event("train", &facts.train.id);
    Ok(())
}
