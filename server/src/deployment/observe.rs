//! Reading what the plan needs to know in the state a deployment is in: from ECS, ECR and CloudWatch, with as few
//! calls as that takes.

mod record;
mod revision;

use serde_json::Value;

use super::engine::Deployments;
use super::lease::CALL;
use super::plan::{Observed, Record};
use super::state::{Following, Rules, State, Undoing, Way};
use super::store::Deployment;
use crate::aws::{AwsError, Purpose, Scope};
use crate::policy::Policy;
use crate::service::Slot;

pub(super) use revision::back_tag;

/// The tag on task definitions that we register.
pub(super) const TAG: &str = "yardmaster:deployment";

/// Why something could not be read.
pub(super) enum Unread {
    /// AWS did not tell.
    Aws(AwsError),
    /// A fault of ours, or the database.
    Ours(anyhow::Error),
}

impl From<AwsError> for Unread {
    fn from(cause: AwsError) -> Self {
        Self::Aws(cause)
    }
}

impl From<anyhow::Error> for Unread {
    fn from(cause: anyhow::Error) -> Self {
        Self::Ours(cause)
    }
}

impl From<sqlx::Error> for Unread {
    fn from(cause: sqlx::Error) -> Self {
        Self::Ours(cause.into())
    }
}

/// What policy asks of rollouts in a slot.
pub(super) fn rules(policy: Option<&Policy>, slot: &Slot) -> Rules {
    policy
        .and_then(|policy| policy.environment(&slot.environment))
        .map_or(
            Rules {
                bake_seconds: 0,
                deadline_seconds: 1800,
                alarms: vec![],
            },
            |environment| Rules {
                bake_seconds: environment.bake_seconds,
                deadline_seconds: environment.deadline_seconds,
                alarms: environment
                    .alarms
                    .iter()
                    .map(|name| name.replace("{service}", &slot.service))
                    .collect(),
            },
        )
}

/// Whether the content has the approved image in its container.
pub(super) fn names_image(content: &Value, container: &str, digest: &str) -> bool {
    crate::aws::container_images(content)
        .iter()
        .any(|(name, image)| name == container && image.split_once('@').is_some_and(|(_, pin)| pin == digest))
}

impl Deployments {
    /// Reads. `fresh`: this very process entered the state just now and has called nothing since.
    pub(super) async fn observe(
        &self,
        deployment: &Deployment,
        slot: &Slot,
        rules: &Rules,
        fresh: bool,
    ) -> Result<Observed, Unread> {
        let state = &deployment.facts.state;
        let mut seen = Observed {
            settled: fresh || self.db.now() >= deployment.facts.since + CALL / self.speed,
            ..Observed::default()
        };
        if matches!(state, State::Requested) || state.at_rest() {
            return Ok(seen);
        }
        let scope = Scope {
            account: slot.account.clone(),
            region: slot.region.clone(),
        };
        let ecs = self.aws.ecs(&scope, Purpose::Read).await?;
        if state.following().is_none() {
            seen.barred = self.barred(deployment, slot).await?;
        }
        if !matches!(state, State::Registering(_)) {
            // The service before its records: of the two, the record then is the newer.
            let names = [slot.ecs_service.clone()];
            let found = ecs.describe_services(&slot.cluster, &names).await?;
            seen.service = found.into_iter().find(|service| service.status != "INACTIVE");
        }
        match state {
            State::Preflight => {
                seen.rules = rules.clone();
                // Alarms that cannot be read now do not keep anybody from beginning.
                seen.firing = match self.firing(&scope, &rules.alarms).await {
                    Ok(firing) => Some(firing),
                    Err(cause) => {
                        tracing::warn!(name: "deployment.alarms", cause = cause.to_string(), "alarms could not be read at preflight");
                        None
                    }
                };
                let row = &deployment.row;
                seen.image = self.image(&row.image_repository, &row.digest, &scope).await?;
                seen.records = record::older(ecs.as_ref(), slot, row.requested_at).await?;
            }
            State::Registering(_) => {
                seen.existing = self.existing(ecs.as_ref(), deployment, slot, fresh).await?;
            }
            State::Updating(registered) => {
                let known = seen
                    .service
                    .iter()
                    .flat_map(|service| &service.deployments)
                    .any(|one| {
                        one.task_definition == registered.task_definition
                            || one.id == registered.before.deployment
                    });
                if !known || !fresh {
                    let since = deployment.row.requested_at;
                    seen.record = record::by_content(ecs.as_ref(), slot, registered, since).await?;
                }
            }
            State::Following(following) => {
                seen.record =
                    record::of_rollout(ecs.as_ref(), slot, seen.service.as_ref(), following).await?;
                seen.tasks = record::tasks(ecs.as_ref(), slot, following).await?;
            }
            State::Baking { following, .. } => {
                let alarms = &following.registered.before.rules.alarms;
                seen.firing = Some(self.firing(&scope, alarms).await?);
                // Why fewer run than should; while all run, nobody needs to know.
                let short = seen.service.as_ref().is_some_and(|service| {
                    service
                        .primary()
                        .is_none_or(|primary| primary.running < service.desired)
                });
                if short {
                    seen.tasks = record::tasks(ecs.as_ref(), slot, following).await?;
                }
            }
            State::Undoing(Undoing { following, way, .. }) => {
                seen.record = match way {
                    Way::Return { rollout: None } | Way::Restore => Record::NotShown,
                    Way::Return {
                        rollout: Some(rollout),
                    } => {
                        let back = Following {
                            registered: following.registered.clone(),
                            rollout: rollout.clone(),
                        };
                        record::of_rollout(ecs.as_ref(), slot, seen.service.as_ref(), &back).await?
                    }
                    Way::Undecided | Way::Stop { .. } => {
                        record::of_rollout(ecs.as_ref(), slot, seen.service.as_ref(), following).await?
                    }
                };
                seen.tasks = record::tasks(ecs.as_ref(), slot, following).await?;
                if matches!(way, Way::Restore) {
                    let before = &following.registered.before;
                    seen.restorable = self
                        .restorable(ecs.as_ref(), deployment, slot, before, fresh)
                        .await?;
                }
            }
            _ => {}
        }
        Ok(seen)
    }

    /// Why nothing may be deployed there any more: asked until ECS is told.
    async fn barred(&self, deployment: &Deployment, slot: &Slot) -> anyhow::Result<Option<String>> {
        if slot.live == 0 {
            let unmapped = "the ECS service is not mapped to this slot any more";
            return Ok(Some(unmapped.to_owned()));
        }
        match (&deployment.row.train_id, &deployment.row.car_id) {
            (Some(train), Some(car)) => Ok(self.check.still_departs(train, car).await?.err()),
            _ => Ok(None),
        }
    }

    async fn firing(&self, scope: &Scope, names: &[String]) -> Result<Vec<String>, AwsError> {
        if names.is_empty() {
            return Ok(vec![]);
        }
        let alarms = self.aws.alarms(scope).await?;
        let mut firing = Vec::new();
        for part in names.chunks(100) {
            let states = alarms.states(part).await?;
            firing.extend(
                states
                    .into_iter()
                    .filter(|alarm| alarm.state == "ALARM")
                    .map(|alarm| alarm.name),
            );
        }
        Ok(firing)
    }
}
