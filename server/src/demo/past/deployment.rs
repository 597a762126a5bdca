//! Deployments that have ended, as the engine would have left them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use app::deployment::{DeploymentKind, FailureClass};
use sim::world::history::{self, Cause, Outcome, StoppedTask};

use super::Writer;
use crate::aws::{container_images, last_part, with_image};
use crate::clock::Ids;
use crate::crypto::{Cipher, canonical_json, sha256_hex};
use crate::deployment::diagnose::{TaskEvidence, diagnose};
use crate::deployment::{Before, Facts, Failure, Following, Registered, Rollout, Rules, State};
use crate::service::Slot;

/// What the engine says of a rollout that ECS rolled back.
pub(super) const ROLLED_BACK: &str = "The rollout failed and ECS rolled it back. ECS says: Service deployment rolled back \
     because the circuit breaker threshold was exceeded.";
/// And of one that it proved.
pub(super) const EVIDENCE: &str =
    "ECS's record of the rollout says SUCCESSFUL, and the revision it brought names the digest asked for.";

/// Who asked for a deployment, and how.
struct Asked {
    kind: DeploymentKind,
    train: Option<String>,
    id: String,
    name: String,
    reason: Option<String>,
}

impl Writer<'_> {
    pub(super) async fn deployment(
        &mut self,
        deployment: &history::Deployment,
        contents: &BTreeMap<String, serde_json::Value>,
        cipher: &Cipher,
        ids: &Ids,
    ) -> Result<()> {
        let Some(slot) = self
            .slots
            .get(&(deployment.service.clone(), deployment.environment.clone()))
            .cloned()
        else {
            return Ok(());
        };
        let following = self.following(deployment, &slot);
        if deployment.succeeded()
            && let Some(content) = contents.get(&slot.id)
        {
            self.known_good(deployment, &slot, &following, content, (cipher, ids))
                .await?;
        }
        let Some(asked) = self.asked(deployment).await? else {
            return Ok(());
        };
        let id = self
            .deployments
            .get(&deployment.id)
            .cloned()
            .context("numbered before")?;
        let (state, told) = outcome(deployment, following.clone())?;
        let word = state.word();
        let facts = Facts {
            since: deployment.ended_at,
            state,
        };
        let verdict = if deployment.succeeded() {
            EVIDENCE
        } else {
            ROLLED_BACK
        };
        sqlx::query(
            "INSERT INTO deployment (id, slot_id, kind, train_id, image_repository, digest, commit_id, from_digest, requested_by,
                                     requested_by_name, reason, requested_at, state, phase, version, facts, wake_at, ended_at, verdict,
                                     failure_class, failure_text, fence)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1, $15, $16, $16, $17, $18, $19, 0)",
        )
        .bind(&id)
        .bind(&slot.id)
        .bind(asked.kind.as_str())
        .bind(asked.train)
        .bind(slot.image_repository.clone().unwrap_or_default())
        .bind(&deployment.digest)
        .bind(&deployment.sha)
        .bind(&deployment.from_digest)
        .bind(asked.id)
        .bind(&asked.name)
        .bind(asked.reason)
        .bind(deployment.started_at)
        .bind(word.as_str())
        .bind(facts.state.phase())
        .bind(facts.encode())
        .bind(deployment.ended_at)
        .bind(verdict)
        .bind(told.as_ref().map(|(class, _)| class.as_str()))
        .bind(told.as_ref().map(|(_, text)| text))
        .execute(self.tx.connection())
        .await?;
        self.journal(&id, deployment, &slot, &following, &asked.name)
            .await?;
        if told.is_some() {
            sqlx::query("INSERT INTO boarding_refusal (slot_id, digest, deployment_id, reason, refused_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(&slot.id)
                .bind(&deployment.digest)
                .bind(&id)
                .bind(verdict)
                .bind(deployment.ended_at)
                .execute(self.tx.connection())
                .await?;
        }
        Ok(())
    }

    /// What ran before and what was to run. AWS has forgotten how it called the rollout: those names are made up, the
    /// same in each run.
    fn following(&self, deployment: &history::Deployment, slot: &Slot) -> Following {
        let runs_now = || slot.running_task_definition.clone().unwrap_or_default();
        let task_definition_of = |digest: &str| {
            let same = |one: &&history::Deployment| {
                (&one.service, &one.environment) == (&deployment.service, &deployment.environment)
                    && one.digest == digest
            };
            let found = self.history.deployments.iter().find(same)?;
            found.task_definition.clone()
        };
        let before = deployment.from_digest.as_deref();
        let record = format!(
            "{}/{}",
            slot.ecs_service_arn
                .replacen(":service/", ":service-deployment/", 1),
            hex(&("record", deployment.id), 21).to_uppercase()
        );
        Following {
            registered: Registered {
                before: Before {
                    deployment: rollout_id(&("before", deployment.id)),
                    task_definition: before.and_then(task_definition_of).unwrap_or_else(runs_now),
                    firing: None,
                    older: Vec::new(),
                    rules: Rules {
                        bake_seconds: 10,
                        deadline_seconds: 1200,
                        alarms: Vec::new(),
                    },
                },
                task_definition: deployment.task_definition.clone().unwrap_or_else(runs_now),
            },
            rollout: Rollout {
                deployment: rollout_id(&("ours", deployment.id)),
                record: Some(record),
                ran_before: false,
                running: 0,
                desired: 0,
            },
        }
    }

    async fn known_good(
        &mut self,
        deployment: &history::Deployment,
        slot: &Slot,
        following: &Following,
        content: &serde_json::Value,
        (cipher, ids): (&Cipher, &Ids),
    ) -> Result<()> {
        let repository = slot.image_repository.clone().unwrap_or_default();
        let image = format!("{repository}@{}", deployment.digest);
        let content = container_images(content)
            .iter()
            .find(|(name, _)| *name == slot.container)
            .and_then(|_| with_image(content, &slot.container, &image))
            .context("a slot's task definition has its container")?;
        let place = format!("known_good/{}/{}", slot.id, deployment.digest);
        let baseline = deployment.cause == Cause::Baseline;
        sqlx::query(
            "INSERT INTO known_good (slot_id, digest, image_repository, task_definition, content, deployment_id, verified, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (slot_id, digest) DO UPDATE SET verified = excluded.verified, at = excluded.at, deployment_id = excluded.deployment_id",
        )
        .bind(&slot.id)
        .bind(&deployment.digest)
        .bind(&repository)
        .bind(&following.registered.task_definition)
        .bind(cipher.seal(ids, &place, &canonical_json(&content)))
        .bind(if baseline { None } else { self.deployments.get(&deployment.id).cloned() })
        .bind(i64::from(!baseline))
        .bind(deployment.ended_at)
        .execute(self.tx.connection())
        .await?;
        sqlx::query("UPDATE slot SET deployed_digest = $2, deployed_at = $3 WHERE id = $1")
            .bind(&slot.id)
            .bind(&deployment.digest)
            .bind(deployment.ended_at)
            .execute(self.tx.connection())
            .await?;
        Ok(())
    }

    /// Nobody asked for what ran when the record begins.
    async fn asked(&mut self, deployment: &history::Deployment) -> Result<Option<Asked>> {
        Ok(match &deployment.cause {
            Cause::Baseline => None,
            Cause::Train { number } => {
                let train: Option<(String, String, String)> = sqlx::query_as(
                    "SELECT id, COALESCE(departed_by, 'system'), COALESCE(captain, 'Yardmaster')
                     FROM train WHERE environment = $1 AND number = $2",
                )
                .bind(&deployment.environment)
                .bind(i64::try_from(*number)?)
                .fetch_optional(self.tx.connection())
                .await?;
                let (train, id, name) = train.context("a car of a train that is not in the record")?;
                Some(Asked {
                    kind: DeploymentKind::Train,
                    train: Some(train),
                    id,
                    name,
                    reason: None,
                })
            }
            Cause::Rollback { by, reason, .. } => {
                let (id, name) = self.person(by);
                Some(Asked {
                    kind: DeploymentKind::Rollback,
                    train: None,
                    id,
                    name,
                    reason: Some(reason.clone()),
                })
            }
        })
    }
}

/// How it ended; the class and the text it was read from, where it failed.
fn outcome(
    deployment: &history::Deployment,
    following: Following,
) -> Result<(State, Option<(FailureClass, String)>)> {
    let Outcome::RolledBack { class, task } = &deployment.outcome else {
        return Ok((State::Succeeded { following }, None));
    };
    let class: FailureClass = class
        .parse()
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("deployment {} of the demo's past", deployment.id))?;
    let failure = Failure::of_image(ROLLED_BACK);
    let text = diagnose(&[evidence(task)], &[], ROLLED_BACK).evidence;
    let told = (class, text.unwrap_or_else(|| task.reason.clone()));
    Ok((State::RolledBack { following, failure }, Some(told)))
}

fn evidence(task: &StoppedTask) -> TaskEvidence {
    TaskEvidence {
        stop_code: Some(task.stop_code.clone()),
        reason: Some(task.reason.clone()),
        container_reason: task.container_reason.clone(),
        exit_code: task.exit_code,
    }
}

/// Hexadecimal digits that stand for something.
pub(super) fn hex(of: &impl std::fmt::Debug, digits: usize) -> String {
    sha256_hex(format!("{of:?}").as_bytes())
        .chars()
        .take(digits)
        .collect()
}

/// An id like those of ECS's deployments: nineteen decimal digits.
fn rollout_id(of: &impl std::fmt::Debug) -> String {
    let number = u64::from_str_radix(&hex(of, 15), 16).unwrap_or_default();
    format!("ecs-svc/{}", 1_000_000_000_000_000_000 + number)
}

/// How ECS calls the service.
pub(super) fn service_name(slot: &Slot) -> &str {
    last_part(&slot.ecs_service_arn)
}
