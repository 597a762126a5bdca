//! Slots in the database.

use app::text::Millis;
use sqlx::FromRow;

use crate::db::Db;

/// One service in one environment, bound to one ECS service and container.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Slot {
    /// `slt_…`
    pub id: String,
    /// `svc_…`
    pub service_id: String,
    /// The service's name.
    pub service: String,
    /// Team that owns the service.
    pub team: String,
    /// Git repository, `acme/checkout`.
    pub repository: Option<String>,
    /// Image repository with its registry.
    pub image_repository: Option<String>,
    /// Environment.
    pub environment: String,
    /// ARN of the ECS service.
    pub ecs_service_arn: String,
    /// AWS account.
    pub account: String,
    /// AWS region.
    pub region: String,
    /// Name of the ECS cluster.
    pub cluster: String,
    /// Name of the ECS service.
    pub ecs_service: String,
    /// Container that carries the image.
    pub container: String,
    /// Digest that runs, by ECS.
    pub running_digest: Option<String>,
    /// Image reference that runs.
    pub running_image: Option<String>,
    /// ARN of the task definition that runs.
    pub running_task_definition: Option<String>,
    /// Since when.
    pub running_since: Option<Millis>,
    /// Digest that Yardmaster deployed last.
    pub deployed_digest: Option<String>,
    /// When.
    pub deployed_at: Option<Millis>,
    /// What runs is not what was deployed last.
    pub drift: Option<String>,
    /// ECS: desired tasks.
    pub desired: i64,
    /// ECS: running tasks.
    pub running: i64,
    /// When ECS was last read.
    pub seen_at: Millis,
    /// 1: its ECS service is there and mapped to it. Nothing is deployed to a slot that is not live.
    pub live: i64,
}

impl Slot {
    /// The digest that runs now: what ECS says, or, where ECS was not read since, what Yardmaster deployed last.
    pub fn runs_now(&self) -> Option<&str> {
        let deployed = self.deployed_at.filter(|at| !self.read_after(*at));
        deployed
            .and(self.deployed_digest.as_deref())
            .or(self.running_digest.as_deref())
    }

    /// ECS was read after this time. Read in the same millisecond, it may have been before.
    pub const fn read_after(&self, at: Millis) -> bool {
        self.seen_at > at
    }
}

macro_rules! select_slot {
    ($tail:literal) => {
        concat!(
            "SELECT slot.id, slot.service_id, service.name AS service, service.team, service.repository,
                    service.image_repository, slot.environment, slot.ecs_service_arn, ecs_service.account,
                    ecs_service.region, ecs_service.cluster, ecs_service.name AS ecs_service, slot.container,
                    slot.running_digest, slot.running_image, slot.running_task_definition, slot.running_since,
                    slot.deployed_digest, slot.deployed_at, slot.drift, ecs_service.desired, ecs_service.running,
                    slot.seen_at,
                    CAST(CASE WHEN ecs_service.slot_id = slot.id AND ecs_service.gone_at IS NULL THEN 1 ELSE 0 END AS BIGINT) AS live
             FROM slot
             JOIN service ON service.id = slot.service_id
             JOIN ecs_service ON ecs_service.arn = slot.ecs_service_arn ",
            $tail
        )
    };
}

/// Every slot whose ECS service is there and mapped to it, by service and environment.
///
/// # Errors
/// The database does not answer.
pub async fn slots(db: &Db) -> sqlx::Result<Vec<Slot>> {
    sqlx::query_as(select_slot!(
        "WHERE ecs_service.slot_id = slot.id AND ecs_service.gone_at IS NULL
         ORDER BY service.name, slot.environment"
    ))
    .fetch_all(db.read())
    .await
}

/// One slot by its names, where its ECS service is there and mapped to it.
///
/// # Errors
/// The database does not answer.
pub async fn slot(db: &Db, service: &str, environment: &str) -> sqlx::Result<Option<Slot>> {
    sqlx::query_as(select_slot!(
        "WHERE service.name = $1 AND slot.environment = $2
           AND ecs_service.slot_id = slot.id AND ecs_service.gone_at IS NULL"
    ))
    .bind(service)
    .bind(environment)
    .fetch_optional(db.read())
    .await
}

/// One slot by its id, also where its ECS service is gone or mapped to it no longer (`live` is 0).
///
/// # Errors
/// The database does not answer.
pub async fn slot_by_id(db: &Db, id: &str) -> sqlx::Result<Option<Slot>> {
    sqlx::query_as(select_slot!("WHERE slot.id = $1"))
        .bind(id)
        .fetch_optional(db.read())
        .await
}
