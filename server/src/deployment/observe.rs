//! Reading what the plan needs to know in the state a deployment is in: from ECS, ECR and CloudWatch, with as few
//! calls as that takes.

use serde_json::Value;

use super::engine::Deployments;
use super::lease::CALL;
use super::plan::{Image, Observed, Record};
use super::state::{Following, Rules, State, Undoing, Way};
use super::store::Deployment;
use crate::aws::{AwsError, Ecs, EcsService, Purpose, Scope, last_part};
use crate::policy::Policy;
use crate::service::Slot;

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
                seen.firing = self.firing(&scope, &rules.alarms).await.or_else(ignore_passing)?;
                seen.image = self.image(deployment, &scope).await?;
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
                    seen.record = self
                        .record_by_content(
                            ecs.as_ref(),
                            slot,
                            &registered.task_definition,
                            &registered.before.deployment,
                            deployment.row.requested_at,
                        )
                        .await?;
                }
            }
            State::Following(following) => {
                seen.record = record(ecs.as_ref(), slot, seen.service.as_ref(), following).await?;
                seen.tasks = tasks(ecs.as_ref(), slot, following).await?;
            }
            State::Baking { following, .. } => {
                let alarms = &following.registered.before.rules.alarms;
                seen.firing = self.firing(&scope, alarms).await?;
            }
            State::Undoing(Undoing { following, way, .. }) => {
                seen.record = match way {
                    Way::Return { rollout: None } => Record::NotShown,
                    Way::Return {
                        rollout: Some(rollout),
                    } => {
                        let back = Following {
                            registered: following.registered.clone(),
                            rollout: rollout.clone(),
                        };
                        record(ecs.as_ref(), slot, seen.service.as_ref(), &back).await?
                    }
                    Way::Undecided | Way::Stop { .. } => {
                        record(ecs.as_ref(), slot, seen.service.as_ref(), following).await?
                    }
                };
                seen.tasks = tasks(ecs.as_ref(), slot, following).await?;
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

    /// Asks ECR where the task pulls from: the registry that the image's own name says.
    async fn image(&self, deployment: &Deployment, scope: &Scope) -> Result<Image, AwsError> {
        let (host, repository) = deployment
            .row
            .image_repository
            .split_once('/')
            .unwrap_or(("", deployment.row.image_repository.as_str()));
        let parts: Vec<&str> = host.split('.').collect();
        let registry = match parts.as_slice() {
            [account, "dkr", "ecr", region, ..] => Scope {
                account: (*account).to_owned(),
                region: (*region).to_owned(),
            },
            _ => scope.clone(),
        };
        let ecr = self.aws.ecr(&registry).await?;
        Ok(match ecr.image(repository, &deployment.row.digest).await {
            Ok(Some(image)) if image.archived => Image::Archived,
            Ok(Some(_)) => Image::There,
            Ok(None) | Err(AwsError::NotFound(_)) => Image::Gone,
            Err(cause) => return Err(cause),
        })
    }

    /// An ACTIVE revision that is ours by tag, or has the same content.
    async fn existing(
        &self,
        ecs: &dyn Ecs,
        deployment: &Deployment,
        slot: &Slot,
        fresh: bool,
    ) -> Result<Option<String>, Unread> {
        let row = &deployment.row;
        let content = self.content(deployment)?;
        let mut candidates: Vec<String> =
            sqlx::query_scalar("SELECT task_definition FROM known_good WHERE slot_id = $1 AND digest = $2")
                .bind(&row.slot_id)
                .bind(&row.digest)
                .fetch_all(self.db.read())
                .await?;
        let cached: Vec<String> = sqlx::query_scalar(
            "SELECT arn FROM task_definition WHERE content_sha256 = $1 ORDER BY revision DESC LIMIT 2",
        )
        .bind(row.content_sha256.as_deref().unwrap_or_default())
        .fetch_all(self.db.read())
        .await?;
        candidates.extend(cached);
        let family = content.get("family").and_then(Value::as_str).unwrap_or_default();
        // After a call whose end nobody saw, the revision may stand behind others that were registered since.
        let newest = ecs.task_definitions(family, if fresh { 1 } else { 10 }).await?;
        candidates.extend(newest);
        let mut asked = std::collections::BTreeSet::new();
        for arn in candidates {
            if !asked.insert(arn.clone()) {
                continue;
            }
            let found = match ecs.task_definition(&arn).await {
                Ok(found) => found,
                Err(AwsError::NotFound(_) | AwsError::Invalid(_)) => continue,
                Err(cause) => return Err(cause.into()),
            };
            let ours = found.tags.get(TAG).is_some_and(|id| *id == row.id)
                && names_image(&found.content, &slot.container, &row.digest);
            if found.active && (ours || found.content == content) {
                return Ok(Some(found.arn));
            }
        }
        Ok(None)
    }

    /// The record of a rollout that brings a task definition and was begun for this deployment.
    async fn record_by_content(
        &self,
        ecs: &dyn Ecs,
        slot: &Slot,
        task_definition: &str,
        before: &str,
        since: i64,
    ) -> Result<Record, AwsError> {
        let listed = match ecs.service_deployments(&slot.cluster, &slot.ecs_service).await {
            Ok(listed) if listed.is_empty() => return Ok(Record::NoneKept),
            Ok(listed) => listed,
            Err(AwsError::Unsupported(_)) => return Ok(Record::NoneKept),
            Err(cause) => return Err(cause),
        };
        // A minute for clocks that differ.
        let young: Vec<_> = listed
            .into_iter()
            .filter(|record| record.created_at >= since - 60_000)
            .filter(|record| record.target_revision.as_deref().map(last_part) != Some(last_part(before)))
            .collect();
        let revisions: Vec<String> = young
            .iter()
            .filter_map(|record| record.target_revision.clone())
            .collect();
        if revisions.is_empty() {
            return Ok(Record::NotShown);
        }
        let ours = ecs
            .describe_service_revisions(&revisions)
            .await?
            .into_iter()
            .find(|revision| revision.task_definition == task_definition);
        Ok(ours
            .and_then(|revision| {
                let record = young
                    .into_iter()
                    .find(|record| record.target_revision.as_deref() == Some(&revision.arn))?;
                Some(Record::Shown {
                    record,
                    revision: Some(revision),
                })
            })
            .unwrap_or(Record::NotShown))
    }
}

/// Alarms that cannot be read now do not keep anybody from beginning.
fn ignore_passing(cause: AwsError) -> Result<Vec<String>, AwsError> {
    tracing::warn!(name: "deployment.alarms", cause = cause.to_string(), "alarms could not be read at preflight");
    Ok(vec![])
}

/// The record of a rollout.
async fn record(
    ecs: &dyn Ecs,
    slot: &Slot,
    service: Option<&EcsService>,
    following: &Following,
) -> Result<Record, AwsError> {
    let number = last_part(&following.rollout.deployment);
    let is_ours = |target: &Option<String>| target.as_deref().map(last_part) == Some(number);
    let arn = match (
        &following.rollout.record,
        service.and_then(|service| service.current_service_deployment.as_ref()),
    ) {
        (Some(arn), _) | (None, Some(arn)) => vec![arn.clone()],
        (None, None) => vec![],
    };
    let mut found = None;
    if !arn.is_empty() {
        found = match ecs.describe_service_deployments(&arn).await {
            Ok(records) => records
                .into_iter()
                .find(|record| is_ours(&record.target_revision)),
            Err(AwsError::Unsupported(_)) => return Ok(Record::NoneKept),
            Err(AwsError::NotFound(_) | AwsError::Invalid(_)) => None,
            Err(cause) => return Err(cause),
        };
    }
    if found.is_none() {
        let listed = match ecs.service_deployments(&slot.cluster, &slot.ecs_service).await {
            Ok(listed) if listed.is_empty() => return Ok(Record::NoneKept),
            Ok(listed) => listed,
            Err(AwsError::Unsupported(_)) => return Ok(Record::NoneKept),
            Err(cause) => return Err(cause),
        };
        let Some(ours) = listed.into_iter().find(|record| is_ours(&record.target_revision)) else {
            return Ok(Record::NotShown);
        };
        // The list is brief; why it was rolled back stands in the description only.
        found = ecs
            .describe_service_deployments(std::slice::from_ref(&ours.arn))
            .await?
            .into_iter()
            .next()
            .or(Some(ours));
    }
    let Some(record) = found else {
        return Ok(Record::NotShown);
    };
    let revision = match (&record.status, &record.target_revision) {
        (crate::aws::ServiceDeploymentStatus::Successful, Some(target)) => ecs
            .describe_service_revisions(std::slice::from_ref(target))
            .await?
            .into_iter()
            .next(),
        _ => None,
    };
    Ok(Record::Shown { record, revision })
}

/// Tasks of a rollout, running and stopped.
async fn tasks(
    ecs: &dyn Ecs,
    slot: &Slot,
    following: &Following,
) -> Result<Vec<crate::aws::EcsTask>, AwsError> {
    let mut tasks = ecs.tasks(&slot.cluster, &slot.ecs_service, false).await?;
    tasks.extend(ecs.tasks(&slot.cluster, &slot.ecs_service, true).await?);
    tasks.retain(|task| match &task.started_by {
        Some(by) if by.starts_with("ecs-svc/") => *by == following.rollout.deployment,
        _ => task.task_definition == following.registered.task_definition,
    });
    Ok(tasks)
}
