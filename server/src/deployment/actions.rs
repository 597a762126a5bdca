//! What people do with deployments. Each action is one transaction with its audit entry in it.

use app::account::{Actor, Permission};
use app::deployment::{
    DeploymentKind, DeploymentPort, DeploymentState, DeploymentView, RollbackPlan, RollbackTarget,
};
use app::error::ApiError;
use async_trait::async_trait;

use super::engine::Deployments;
use super::journal::{entry, refuse, trust};
use super::request::{NewDeployment, RequestError, request};
use super::standing::{KnownGood, known_good, under_way};
use super::view::{cancel_why_not, refusal};
use crate::audit::Entry;
use crate::auth::{Place, require, require_view};
use crate::db::Tx;
use crate::error::OrInternal;
use crate::image::{image, label};
use crate::service::{Slot, slot};

/// A reason that was given.
fn given(reason: &str) -> Result<&str, ApiError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ApiError::Invalid(
            "Say why: the audit keeps the reason.".to_owned(),
        ));
    }
    if reason.len() > 2_000 {
        return Err(ApiError::Invalid(
            "The reason is longer than 2,000 bytes; shorten it.".to_owned(),
        ));
    }
    Ok(reason)
}

impl Deployments {
    async fn slot_of(&self, service: &str, environment: &str) -> Result<(Slot, bool), ApiError> {
        let slot = slot(&self.db, service, environment)
            .await
            .or_internal()?
            .ok_or_else(|| ApiError::NotFound(format!("{service} in {environment}")))?;
        let protected = self.protected(environment).await?;
        Ok((slot, protected))
    }

    /// What stands against a target now.
    async fn target_why_not(&self, slot: &Slot, good: &KnownGood) -> Result<Option<String>, ApiError> {
        if slot.runs_now() == Some(good.digest.as_str()) {
            return Ok(Some("It runs now.".to_owned()));
        }
        let found = image(&self.db, &good.image_repository, &good.digest)
            .await
            .or_internal()?;
        Ok(match found {
            None => Some("It is not in ECR, as far as was read.".to_owned()),
            Some(image) if image.gone_at.is_some() => Some("It is not in ECR any more.".to_owned()),
            Some(image) if image.archived == 1 => {
                Some("It is archived in ECR and cannot be pulled.".to_owned())
            }
            Some(_) => None,
        })
    }

    pub(super) async fn commit<T>(&self, tx: Tx, value: T) -> Result<T, ApiError> {
        tx.commit().await.or_internal()?;
        Ok(value)
    }
}

#[async_trait]
impl DeploymentPort for Deployments {
    async fn deployment(&self, actor: &Actor, id: &str) -> Result<DeploymentView, ApiError> {
        self.view(actor, id).await
    }

    async fn rollback_plan(
        &self,
        actor: &Actor,
        service: &str,
        environment: &str,
    ) -> Result<RollbackPlan, ApiError> {
        require_view(actor)?;
        let (slot, protected) = self.slot_of(service, environment).await?;
        let place = Place::In {
            environment,
            protected,
            team: Some(&slot.team),
        };
        let mut targets = Vec::new();
        for good in known_good(&self.db, &slot.id).await.or_internal()? {
            let repository = Some(good.image_repository.as_str());
            targets.push(RollbackTarget {
                image: label(&self.db, repository, &good.digest).await.or_internal()?,
                deployed_at: good.at,
                verified: good.verified == 1,
                why_not: self.target_why_not(&slot, &good).await?,
            });
        }
        let now_runs = match slot.runs_now() {
            Some(digest) => Some(
                label(&self.db, slot.image_repository.as_deref(), digest)
                    .await
                    .or_internal()?,
            ),
            None => None,
        };
        let busy = under_way(&self.db).await.or_internal()?;
        let why_not = refusal(require(actor, Permission::RollBack, place))
            .or_else(|| {
                busy.get(&slot.id).map(|holder| {
                    format!(
                        "Deployment {} holds this slot ({}). Cancel or resolve it first.",
                        holder.id,
                        holder.state.word()
                    )
                })
            })
            .or_else(|| {
                targets.is_empty().then(|| {
                    format!("No image is known to have run well in {environment}, so there is nothing to roll back to.")
                })
            });
        let mut effects = vec![
            "ECS replaces the tasks one after the other; the image is the same bytes as then.".to_owned(),
            "It needs no approval; windows and freezes do not hold it. Your reason goes into the audit."
                .to_owned(),
        ];
        if let Some(now) = &now_runs {
            effects.push(format!(
                "{} does not board {environment} again until somebody allows it.",
                now.name
            ));
        }
        let sealed: Vec<i64> = sqlx::query_scalar(
            "SELECT train.number FROM train JOIN car ON car.train_id = train.id
             WHERE train.state = 'sealed' AND car.slot_id = $1 ORDER BY train.number",
        )
        .bind(&slot.id)
        .fetch_all(self.db.read())
        .await
        .or_internal()?;
        for number in sealed {
            effects.push(format!(
                "{environment} #{number} is reopened and its approvals become void."
            ));
        }
        Ok(RollbackPlan {
            service: slot.service,
            environment: slot.environment,
            now_runs,
            targets,
            why_not,
            effects,
        })
    }

    async fn roll_back(
        &self,
        actor: &Actor,
        service: &str,
        environment: &str,
        digest: &str,
        reason: &str,
    ) -> Result<String, ApiError> {
        let (slot, protected) = self.slot_of(service, environment).await?;
        require(
            actor,
            Permission::RollBack,
            Place::In {
                environment,
                protected,
                team: Some(&slot.team),
            },
        )?;
        let reason = given(reason)?;
        let same: Option<String> = sqlx::query_scalar(
            "SELECT id FROM deployment WHERE slot_id = $1 AND digest = $2 AND kind = 'rollback' AND ended_at IS NULL",
        )
        .bind(&slot.id)
        .bind(digest)
        .fetch_optional(self.db.read())
        .await
        .or_internal()?;
        if let Some(id) = same {
            return Ok(id);
        }
        let good = known_good(&self.db, &slot.id)
            .await
            .or_internal()?
            .into_iter()
            .find(|good| good.digest == digest)
            .ok_or_else(|| {
                ApiError::Invalid(format!(
                    "{digest} is not known to have run well in {environment}; choose one of the rollback plan's targets."
                ))
            })?;
        if let Some(why) = self.target_why_not(&slot, &good).await? {
            return Err(ApiError::Conflict(format!(
                "{service} cannot be rolled back to it: {why}"
            )));
        }
        let content = self
            .good_content(&slot.id, &good.digest, &good.content)
            .or_internal()?;
        let target = image(&self.db, &good.image_repository, digest)
            .await
            .or_internal()?;
        let mut tx = self.db.begin().await.or_internal()?;
        let asked = request(
            &mut tx,
            &self.cipher,
            NewDeployment {
                slot_id: &slot.id,
                kind: DeploymentKind::Rollback,
                train_id: None,
                car_id: None,
                image_repository: &good.image_repository,
                digest,
                commit_id: target.as_ref().and_then(|image| image.commit_id.as_deref()),
                from_digest: slot.runs_now(),
                base_task_definition: None,
                content: Some(&content),
                content_sha256: None,
                requested_by: actor,
                reason: Some(reason),
                deadline_at: None,
            },
        )
        .await;
        let id = match asked {
            Ok(id) => id,
            Err(RequestError::SlotBusy { deployment_id }) => {
                // Asked twice at the same moment, the second finds the first's.
                let twin: Option<String> = sqlx::query_scalar(
                    "SELECT id FROM deployment WHERE id = $1 AND digest = $2 AND kind = 'rollback' AND ended_at IS NULL",
                )
                .bind(&deployment_id)
                .bind(digest)
                .fetch_optional(tx.connection())
                .await
                .or_internal()?;
                return twin.ok_or_else(|| {
                    ApiError::Conflict(format!(
                        "Deployment {deployment_id} holds {service} in {environment}. Cancel or resolve it first."
                    ))
                });
            }
            Err(cause) => return Err(crate::error::internal(cause)),
        };
        let why = format!("rolled back by {}: {reason}", actor.name);
        if let Some(from) = slot.runs_now() {
            refuse(&mut tx, &slot.id, from, &id, &why).await.or_internal()?;
        }
        if let Some(reopen) = &self.reopen {
            reopen
                .reopen_touching(&mut tx, &slot.id, actor, &why)
                .await
                .or_internal()?;
        }
        tx.audit(
            Entry::new(
                actor,
                "deployment.roll-back",
                &id,
                format!("{service} in {environment}"),
            )
            .at(format!("/deployments/{id}"))
            .with("reason", reason)
            .with("from", slot.runs_now().unwrap_or("unknown"))
            .with("to", digest),
        );
        self.commit(tx, id).await
    }

    async fn cancel(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError> {
        let (deployment, slot, protected) = self.found(id).await?;
        require(
            actor,
            Permission::Deploy,
            Place::In {
                environment: &slot.environment,
                protected,
                team: Some(&slot.team),
            },
        )?;
        let reason = given(reason)?;
        if deployment.facts.state.at_rest() {
            return Err(ApiError::Conflict(format!(
                "It is at rest ({}); there is nothing to cancel.",
                deployment.facts.state.word().word()
            )));
        }
        if let Some(why) = cancel_why_not(&deployment) {
            return Err(ApiError::Conflict(why));
        }
        let mut tx = self.db.begin().await.or_internal()?;
        // Only the wish is written: the engine holds the row's version and does what follows from it.
        let now = tx.now();
        let rows = sqlx::query(
            "UPDATE deployment SET cancel_why = $1, wake_at = $2
             WHERE id = $3 AND ended_at IS NULL AND cancel_why IS NULL AND phase = 'forward'",
        )
        .bind(format!("{reason} ({})", actor.name))
        .bind(now)
        .bind(id)
        .execute(tx.connection())
        .await
        .or_internal()?
        .rows_affected();
        if rows == 0 {
            return Err(ApiError::Conflict(
                "It went on meanwhile. Look at it again.".to_owned(),
            ));
        }
        tx.audit(entry(actor, "deployment.cancel", &deployment, &slot).with("reason", reason));
        tx.event("deployment", id);
        self.commit(tx, ()).await
    }

    async fn resolve(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError> {
        let (deployment, slot, protected) = self.found(id).await?;
        require(
            actor,
            Permission::RollBack,
            Place::In {
                environment: &slot.environment,
                protected,
                team: Some(&slot.team),
            },
        )?;
        let reason = given(reason)?;
        if deployment.facts.state.word() != DeploymentState::NeedsHuman {
            return Err(ApiError::Conflict("It does not need anybody.".to_owned()));
        }
        let mut tx = self.db.begin().await.or_internal()?;
        let now = tx.now();
        let rows = sqlx::query(
            "UPDATE deployment SET resolved_by = $1, resolved_at = $2
             WHERE id = $3 AND state = 'needs-human' AND resolved_at IS NULL",
        )
        .bind(&actor.id)
        .bind(now)
        .bind(id)
        .execute(tx.connection())
        .await
        .or_internal()?
        .rows_affected();
        if rows == 0 {
            return Err(ApiError::Conflict("Somebody has resolved it already.".to_owned()));
        }
        tx.audit(entry(actor, "deployment.resolve", &deployment, &slot).with("reason", reason));
        tx.changes_verdicts();
        tx.event("deployment", id);
        tx.event("slot", &slot.id);
        self.commit(tx, ()).await
    }

    async fn vouch(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError> {
        self.vouch_for(actor, id, given(reason)?).await
    }

    async fn allow_again(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError> {
        let (deployment, slot, protected) = self.found(id).await?;
        self.may_allow_again(
            actor,
            Place::In {
                environment: &slot.environment,
                protected,
                team: Some(&slot.team),
            },
        )?;
        let reason = given(reason)?;
        let refused = self.refused_by(id).await?;
        if refused.is_empty() {
            return Err(ApiError::Conflict(
                "No image is kept off the slot by this deployment.".to_owned(),
            ));
        }
        let mut tx = self.db.begin().await.or_internal()?;
        for digest in &refused {
            trust(&mut tx, &slot.id, digest, &actor.id).await.or_internal()?;
        }
        tx.audit(
            entry(actor, "deployment.allow-again", &deployment, &slot)
                .with("allowed", refused.join(" "))
                .with("reason", reason),
        );
        tx.event("deployment", id);
        tx.event("slot", &slot.id);
        self.commit(tx, ()).await
    }
}
