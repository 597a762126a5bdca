//! The service page, the unmapped page, and a person's word on what an ECS service is.

use app::account::{Actor, Permission};
use app::deployment::Choice;
use app::error::ApiError;
use app::service::{DeploymentSummary, ServicePort, ServiceView, SlotView, Unmapped, UnmappedService};
use app::text::Millis;
use async_trait::async_trait;

use super::facts::Facts;
use super::task::tasks;
use super::{Slot, settle};
use crate::audit::Entry;
use crate::auth::{Place, may_somewhere, one_team, require, require_view};
use crate::aws::short_task_definition;
use crate::board::{Boards, Sight, freshness};
use crate::db::{Db, Inconsistent};
use crate::error::OrInternal;
use crate::image::Labels;
use crate::policy::{self, Policy};
use crate::sync::Reader;

/// Services, slots and mapping.
#[derive(Clone)]
pub struct Services {
    db: Db,
    boards: Boards,
}

impl Services {
    /// Over the store; cells are made as the board makes them.
    pub const fn new(db: Db, boards: Boards) -> Self {
        Self { db, boards }
    }

    async fn recent(&self, slot: &Slot, labels: &Labels) -> anyhow::Result<Vec<DeploymentSummary>> {
        type Row = (
            String,
            String,
            String,
            String,
            String,
            Millis,
            Option<Millis>,
            String,
            Option<i64>,
        );
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT deployment.id, deployment.kind, deployment.state, deployment.image_repository, deployment.digest,
                    deployment.requested_at, deployment.ended_at, deployment.requested_by_name, train.number
             FROM deployment LEFT JOIN train ON train.id = deployment.train_id
             WHERE deployment.slot_id = $1 ORDER BY deployment.requested_at DESC, deployment.id DESC LIMIT 10",
        )
        .bind(&slot.id)
        .fetch_all(self.db.read())
        .await?;
        rows.into_iter()
            .map(
                |(id, kind, state, repository, digest, requested_at, ended_at, requested_by, train)| {
                    let illegal = |what| Inconsistent {
                        table: "deployment",
                        id: id.clone(),
                        what,
                    };
                    Ok(DeploymentSummary {
                        kind: kind.parse().map_err(illegal)?,
                        state: state.parse().map_err(illegal)?,
                        image: labels.name(Some(&repository), &digest, None),
                        id,
                        requested_at,
                        ended_at,
                        requested_by,
                        train,
                    })
                },
            )
            .collect()
    }

    /// Roll back by hand, or why not.
    async fn roll_back(&self, actor: &Actor, sight: &Sight, slot: &Slot) -> sqlx::Result<Choice> {
        let label = format!("Roll back {} in {}", slot.service, slot.environment);
        let place = place(sight.policy.as_deref(), &slot.environment, Some(&slot.team));
        let refused = require(actor, Permission::RollBack, place)
            .err()
            .map(|refusal| refusal.to_string());
        let why_not = if refused.is_some() {
            refused
        } else if sight.under_way.contains_key(&slot.id) {
            Some("A deployment holds this slot. Wait for it, or cancel or resolve it.".to_owned())
        } else {
            let others: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM known_good
                 WHERE slot_id = $1 AND bad_at IS NULL AND ($2 IS NULL OR digest <> $2)",
            )
            .bind(&slot.id)
            .bind(&slot.running_digest)
            .fetch_one(self.db.read())
            .await?;
            (others == 0).then(|| "Nothing else is known to have run here.".to_owned())
        };
        Ok(Choice { label, why_not })
    }
}

fn place<'a>(policy: Option<&Policy>, environment: &'a str, team: Option<&'a str>) -> Place<'a> {
    let known = policy.and_then(|policy| policy.environment(environment));
    Place::In {
        environment,
        protected: known.is_some_and(|environment| environment.protected),
        team,
    }
}

#[async_trait]
impl ServicePort for Services {
    async fn service(&self, actor: &Actor, name: &str) -> Result<ServiceView, ApiError> {
        require_view(actor)?;
        type Row = (String, String, Option<String>, Option<String>);
        let row: Option<Row> =
            sqlx::query_as("SELECT id, team, repository, image_repository FROM service WHERE name = $1")
                .bind(name)
                .fetch_optional(self.db.read())
                .await
                .or_internal()?;
        let Some((id, team, repository, image_repository)) = row else {
            return Err(ApiError::NotFound(format!("The service {name}")));
        };
        let sight = Sight::of(&self.db).await.or_internal()?;
        let labels = Labels::of_service(&self.db, &id).await.or_internal()?;
        let order = |slot: &&Slot| {
            let environments = sight.policy.iter().flat_map(|policy| &policy.environments);
            environments
                .into_iter()
                .position(|environment| environment.name == slot.environment)
        };
        let mut mine: Vec<&Slot> = sight.slots.iter().filter(|slot| slot.service_id == id).collect();
        mine.sort_by_key(order);
        let mut slots = Vec::new();
        for (slot, cell) in mine.iter().zip(self.boards.cells(&sight, &mine).await) {
            slots.push(SlotView {
                environment: slot.environment.clone(),
                cell,
                freshness: freshness(&sight, slot, Reader::Ecs),
                tasks: tasks(&self.db, slot, freshness(&sight, slot, Reader::Tasks))
                    .await
                    .or_internal()?,
                ecs_service: slot.ecs_service_arn.clone(),
                task_definition: slot
                    .running_task_definition
                    .as_deref()
                    .map(|arn| short_task_definition(arn).to_owned()),
                container: slot.container.clone(),
                recent: self.recent(slot, &labels).await.or_internal()?,
                roll_back: self.roll_back(actor, &sight, slot).await.or_internal()?,
            });
        }
        Ok(ServiceView {
            now: sight.now,
            name: name.to_owned(),
            team,
            repository,
            image_repository,
            slots,
        })
    }

    async fn unmapped(&self, actor: &Actor) -> Result<Unmapped, ApiError> {
        require_view(actor)?;
        let sight = Sight::of(&self.db).await.or_internal()?;
        type Row = (
            String,
            String,
            String,
            String,
            String,
            String,
            Option<String>,
            String,
        );
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT arn, name, account, region, cluster, document, unmapped_why, containers FROM ecs_service
             WHERE gone_at IS NULL AND slot_id IS NULL ORDER BY account, region, cluster, name",
        )
        .fetch_all(self.db.read())
        .await
        .or_internal()?;
        let mut services = Vec::new();
        for (arn, name, account, region, cluster, document, why, containers) in rows {
            let facts: Facts = serde_json::from_str(&document).or_internal()?;
            let containers: Vec<(String, String)> = serde_json::from_str(&containers).or_internal()?;
            let running = facts.running.iter().flat_map(|running| &running.containers);
            let image = running.map(|container| container.image.clone()).next();
            let environment = sight
                .policy
                .as_deref()
                .and_then(|policy| policy.environment_of(&account, &region, &cluster));
            services.push(UnmappedService {
                arn,
                name,
                scope: format!("{account} · {region}"),
                cluster,
                environment: environment.map(|environment| environment.name.clone()),
                image: image.or_else(|| containers.first().map(|(_, image)| image.clone())),
                reason: why
                    .unwrap_or_else(|| "It was found just now and will be mapped in a moment.".to_owned()),
                containers: containers.into_iter().map(|(name, _)| name).collect(),
            });
        }
        let known = sqlx::query_scalar("SELECT name FROM service ORDER BY name")
            .fetch_all(self.db.read())
            .await
            .or_internal()?;
        // Which of them somebody may map is decided by the service that they say it is.
        let why_not = match may_somewhere(actor, Permission::Configure) {
            true => None,
            false => require(actor, Permission::Configure, Place::Anywhere).err(),
        };
        Ok(Unmapped {
            now: sight.now,
            services,
            known,
            why_not: why_not.map(|refusal| refusal.to_string()),
            scopes: self.boards.scopes(&sight),
        })
    }

    async fn map(&self, actor: &Actor, arn: &str, service: &str, container: &str) -> Result<(), ApiError> {
        require_view(actor)?;
        let (service, container) = (service.trim(), container.trim());
        let policy = policy::current(&self.db)
            .await
            .or_internal()?
            .map(|revision| revision.policy);
        let mut tx = self.db.begin().await.or_internal()?;
        let row: Option<(String, String, String, String, String)> = sqlx::query_as(
            "SELECT name, account, region, cluster, containers FROM ecs_service WHERE arn = $1 AND gone_at IS NULL",
        )
        .bind(arn)
        .fetch_optional(tx.connection())
        .await
        .or_internal()?;
        let Some((name, account, region, cluster, containers)) = row else {
            return Err(ApiError::NotFound(format!("The ECS service {arn}")));
        };
        let containers: Vec<(String, String)> = serde_json::from_str(&containers).or_internal()?;
        let names: Vec<&str> = containers.iter().map(|(name, _)| name.as_str()).collect();
        if !names.contains(&container) {
            return Err(ApiError::Invalid(format!(
                "{name} has no container `{container}`; choose one of {}.",
                names.join(", ")
            )));
        }
        let environment = policy
            .as_deref()
            .and_then(|policy| policy.environment_of(&account, &region, &cluster));
        let Some(environment) = environment else {
            return Err(ApiError::Conflict(format!(
                "No environment is bound to cluster {cluster} in account {account}, {region}. Add it to the policy as [[environment]] first."
            )));
        };
        // Both what it is said to be and what it was until now have to be theirs to configure.
        let teams: Vec<String> = sqlx::query_scalar(
            "SELECT team FROM service WHERE name = $1
             UNION ALL
             SELECT service.team FROM slot JOIN service ON service.id = slot.service_id
             WHERE slot.ecs_service_arn = $2",
        )
        .bind(service)
        .bind(arn)
        .fetch_all(tx.connection())
        .await
        .or_internal()?;
        let place = Place::In {
            environment: &environment.name,
            protected: environment.protected,
            team: one_team(teams.iter().map(String::as_str)),
        };
        require(actor, Permission::Configure, place)?;
        let now = tx.now();
        sqlx::query(
            "INSERT INTO mapping (arn, service, container, mapped_by, mapped_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (arn) DO UPDATE SET service = $2, container = $3, mapped_by = $4, mapped_at = $5",
        )
        .bind(arn)
        .bind(service)
        .bind(container)
        .bind(&actor.id)
        .bind(now)
        .execute(tx.connection())
        .await
        .or_internal()?;
        settle(&self.db, &mut tx).await.or_internal()?;
        let refused: Option<String> =
            sqlx::query_scalar("SELECT unmapped_why FROM ecs_service WHERE arn = $1")
                .bind(arn)
                .fetch_one(tx.connection())
                .await
                .or_internal()?;
        if let Some(why) = refused {
            // Dropped with the transaction: a word that maps nothing is not kept.
            return Err(ApiError::Conflict(why));
        }
        let subject = format!("{name} as {service} in {}", environment.name);
        let mut entry = Entry::new(actor, "service.map", arn, subject).with("container", container);
        entry.href = Some(format!("/services/{service}?slot={}", environment.name));
        tx.audit(entry);
        tx.commit().await.or_internal()
    }
}
