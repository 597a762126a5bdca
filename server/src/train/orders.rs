//! What people do with trains. Each order names what the person saw; where the train has moved on since, it is refused
//! and nothing happens.

use app::account::{Actor, Permission};
use app::error::ApiError;
use app::train::{ApprovalRequest, TrainView};
use async_trait::async_trait;

use super::act::{self, NotDeparted};
use super::facts::{Ancestry, TrainFacts};
use super::plan;
use super::service::Trains;
use super::state::{Held, Phase, Train};
use super::store;
use super::view;
use crate::approval;
use crate::auth::{self, Place};
use crate::db::Tx;
use crate::error::OrInternal;

#[async_trait]
impl app::train::TrainPort for Trains {
    async fn train(&self, actor: &Actor, environment: &str, number: i64) -> Result<TrainView, ApiError> {
        auth::require_view(actor)?;
        let train = store::train_by_number(self.db.read(), environment, number)
            .await?
            .ok_or_else(|| ApiError::NotFound(format!("Train {environment} #{number}")))?;
        view::train(self, actor, train).await
    }

    async fn waiting_for_approval(&self, actor: &Actor) -> Result<Vec<ApprovalRequest>, ApiError> {
        auth::require_view(actor)?;
        approval::requests(&self.db, &self.loader, actor).await
    }

    async fn seal(&self, actor: &Actor, train: &str, revision: i64) -> Result<(), ApiError> {
        let train = self.order(actor, train).await?;
        if train.revision != revision {
            return Err(changed(&train));
        }
        if let Phase::Sealed(sealed) = &train.phase
            && sealed.by == actor.id
        {
            return Ok(());
        }
        let facts = self.loader.all().await.or_internal()?;
        let found = facts.as_ref().and_then(|facts| {
            facts.lines.iter().find_map(|line| {
                let found = line.trains.iter().find(|one| one.train.id == train.id)?;
                Some((line, found, &facts.ancestry))
            })
        });
        let Some((line, found, ancestry)) = found else {
            return Err(changed(&train));
        };
        if !matches!(found.train.phase, Phase::Boarding) {
            return Err(changed(&train));
        }
        let track = line.trains.iter().find(|other| {
            other.train.express == train.express && !matches!(other.train.phase, Phase::Boarding)
        });
        if let Some(other) = track {
            return Err(ApiError::Conflict(format!(
                "{} is {} already; a line has one such train at a time.",
                other.train.title(),
                other.train.state().word().to_lowercase()
            )));
        }
        let (take, leave) = plan::ready(line, found, ancestry, self.db.now(), false);
        if take.is_empty() {
            let why = leave.first().map_or_else(
                || "it has no cars".to_owned(),
                |(_, why)| format!("none of its cars is ready: {why}"),
            );
            return Err(ApiError::Conflict(format!(
                "{} cannot be sealed: {why}.",
                train.title()
            )));
        }
        act::seal(&self.db, &self.cipher, actor, found, &take, &leave).await?;
        Ok(())
    }

    async fn reopen(&self, actor: &Actor, train: &str, revision: i64, reason: &str) -> Result<(), ApiError> {
        let reason = said(reason)?;
        let train = self.order(actor, train).await?;
        if train.revision != revision {
            return Err(changed(&train));
        }
        act::reopen(&self.db, actor, &train, reason).await?;
        Ok(())
    }

    async fn approve(
        &self,
        actor: &Actor,
        train: &str,
        manifest: &str,
        comment: Option<&str>,
    ) -> Result<(), ApiError> {
        let (facts, _) = self.facts(actor, train).await?;
        approval::approve(&self.db, actor, &facts, manifest, comment).await
    }

    async fn reject(&self, actor: &Actor, train: &str, manifest: &str, reason: &str) -> Result<(), ApiError> {
        let (facts, _) = self.facts(actor, train).await?;
        approval::reject(&self.db, actor, &facts, manifest, reason).await
    }

    async fn depart(&self, actor: &Actor, train: &str, manifest: &str) -> Result<(), ApiError> {
        let train = self.order(actor, train).await?;
        if train.sealed().is_none_or(|sealed| sealed.sha256 != manifest) {
            return Err(changed(&train));
        }
        match act::depart(&self.db, &self.loader, actor, &train.id, manifest).await {
            Ok(()) => Ok(()),
            Err(NotDeparted::Gates(lines)) => Err(ApiError::Conflict(format!(
                "{} does not depart yet. {}",
                train.title(),
                lines.join(" ")
            ))),
            Err(NotDeparted::Refused(refused)) => Err(refused.into()),
        }
    }

    async fn hold(&self, actor: &Actor, train: &str, reason: &str) -> Result<(), ApiError> {
        let reason = said(reason)?;
        let train = self.order(actor, train).await?;
        let held = Held {
            by: actor.name.clone(),
            why: reason.to_owned(),
        };
        let held = train.hold(held).map_err(store::Refused::from)?;
        self.write(actor, &held, "train.hold", Some(reason)).await
    }

    async fn release(&self, actor: &Actor, train: &str) -> Result<(), ApiError> {
        let train = self.order(actor, train).await?;
        let released = train.release().map_err(store::Refused::from)?;
        self.write(actor, &released, "train.release", None).await
    }

    async fn cancel(&self, actor: &Actor, train: &str, revision: i64, reason: &str) -> Result<(), ApiError> {
        let reason = said(reason)?;
        let train = self.order(actor, train).await?;
        if train.revision != revision {
            return Err(changed(&train));
        }
        let cancelled = train
            .cancel(self.db.now(), reason.to_owned())
            .map_err(store::Refused::from)?;
        self.write(actor, &cancelled, "train.cancel", Some(reason)).await
    }
}

impl Trains {
    /// The train, for somebody who may give orders on its line.
    async fn order(&self, actor: &Actor, id: &str) -> Result<Train, ApiError> {
        let train = self.seen(actor, id).await?;
        let protected = crate::policy::current(&self.db)
            .await
            .or_internal()?
            .and_then(|revision| {
                revision
                    .policy
                    .environment(&train.environment)
                    .map(|environment| environment.protected)
            })
            .ok_or_else(|| {
                ApiError::Conflict(format!("Policy has no environment {} now.", train.environment))
            })?;
        let team = super::team(&self.db, &train.id).await.or_internal()?;
        let place = Place::In {
            environment: &train.environment,
            protected,
            team: team.as_deref(),
        };
        auth::require(actor, Permission::Deploy, place)?;
        Ok(train)
    }

    /// The train, for somebody who may see it.
    async fn seen(&self, actor: &Actor, id: &str) -> Result<Train, ApiError> {
        auth::require_view(actor)?;
        store::train_by_id(self.db.read(), id)
            .await?
            .ok_or_else(|| ApiError::NotFound("That train".to_owned()))
    }

    async fn facts(&self, actor: &Actor, id: &str) -> Result<(TrainFacts, Ancestry), ApiError> {
        let train = self.seen(actor, id).await?;
        let title = train.title();
        self.loader
            .one(train)
            .await
            .or_internal()?
            .ok_or_else(|| ApiError::Conflict(format!("Policy does not have the line of {title} now.")))
    }

    /// Writes a train with an audit entry and an event.
    async fn write(
        &self,
        actor: &Actor,
        train: &Train,
        action: &str,
        reason: Option<&str>,
    ) -> Result<(), ApiError> {
        let mut tx: Tx = self.db.begin().await.or_internal()?;
        store::save(&mut tx, train).await?;
        if action == "train.cancel" {
            super::reopen::void_approvals(&mut tx, &train.id, "the train was cancelled").await?;
        }
        let mut entry = act::entry(actor, action, train);
        if let Some(reason) = reason {
            entry = entry.with("reason", reason);
        }
        tx.audit(entry);
        tx.changes_verdicts();
        tx.event("train", &train.id);
        tx.commit().await.or_internal()
    }
}

fn said(reason: &str) -> Result<&str, ApiError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ApiError::Invalid(
            "Say why: it stands in the captain's log.".to_owned(),
        ));
    }
    Ok(reason)
}

fn changed(train: &Train) -> ApiError {
    ApiError::Conflict(format!(
        "{} has changed since you looked: it is {} now, revision {}. Look at it again.",
        train.title(),
        train.state().word().to_lowercase(),
        train.revision
    ))
}
