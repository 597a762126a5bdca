//! A person's word that what a deployment brought runs well, where Yardmaster could not prove it: the one way out of
//! `NeedsHuman` by which its train arrives and its image becomes known-good.

use app::account::{Actor, Permission};
use app::deployment::DeploymentState;
use app::error::ApiError;

use super::engine::Deployments;
use super::journal::{entry, runs_well, trust};
use super::state::{Facts, State};
use super::store::Deployment;
use crate::auth::{Place, require};
use crate::error::OrInternal;
use crate::service::Slot;

/// Why nobody can say that it runs well.
pub(super) fn vouch_why_not(deployment: &Deployment, slot: &Slot) -> Option<String> {
    let State::NeedsHuman { following, .. } = &deployment.facts.state else {
        return Some("It does not need anybody.".to_owned());
    };
    if deployment.row.resolved_at.is_some() {
        return Some("Somebody has resolved it already.".to_owned());
    }
    let Some(following) = following else {
        return Some("It changed nothing in ECS, so that nothing of it runs.".to_owned());
    };
    let brought = &following.registered.task_definition;
    match slot.running_task_definition.as_deref() {
        Some(runs) if runs == brought => None,
        Some(runs) => Some(format!("ECS runs {runs} there, not {brought}, which it brought.")),
        None => Some("What runs there has not been read yet.".to_owned()),
    }
}

impl Deployments {
    pub(super) async fn vouch_for(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), ApiError> {
        let (deployment, slot, protected) = self.found(id).await?;
        let place = Place::In {
            environment: &slot.environment,
            protected,
            team: Some(&slot.team),
        };
        require(actor, Permission::RollBack, place)?;
        if let Some(why) = vouch_why_not(&deployment, &slot) {
            return Err(ApiError::Conflict(why));
        }
        let gone_on = || ApiError::Conflict("It went on meanwhile. Look at it again.".to_owned());
        let state = deployment.facts.state.clone().vouched().ok_or_else(gone_on)?;
        let task_definition = state
            .registered()
            .map(|registered| registered.task_definition.clone())
            .unwrap_or_default();
        let verdict = format!("{} vouches for it: {reason}", actor.name);

        let mut tx = self.db.begin().await.or_internal()?;
        let now = tx.now();
        let facts = Facts { since: now, state };
        let rows = sqlx::query(
            "UPDATE deployment SET state = $1, phase = $2, facts = $3, version = version + 1, ended_at = $4,
                    verdict = $5, failure_class = NULL, failure_text = NULL, resolved_by = $6, resolved_at = $4
             WHERE id = $7 AND version = $8 AND state = $9 AND resolved_at IS NULL",
        )
        .bind(facts.state.word().as_str())
        .bind(facts.state.phase())
        .bind(facts.encode())
        .bind(now)
        .bind(&verdict)
        .bind(&actor.id)
        .bind(id)
        .bind(deployment.row.version)
        .bind(DeploymentState::NeedsHuman.as_str())
        .execute(tx.connection())
        .await
        .or_internal()?
        .rows_affected();
        if rows == 0 {
            return Err(gone_on());
        }
        trust(&mut tx, &slot.id, &deployment.row.digest, &actor.id)
            .await
            .or_internal()?;
        runs_well(&mut tx, &self.cipher, &deployment.row, &task_definition)
            .await
            .or_internal()?;
        tx.audit(entry(actor, "deployment.vouch", &deployment, &slot).with("reason", reason));
        tx.event("deployment", id);
        tx.event("slot", &slot.id);
        if let Some(train) = &deployment.row.train_id {
            tx.event("train", train);
        }
        self.commit(tx, ()).await
    }
}
