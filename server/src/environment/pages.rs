//! The environment page: its line, the trains on it, past ones, and how fresh all that is.

use app::account::Actor;
use app::environment::{EnvironmentPort, EnvironmentView, TrainSummary};
use app::error::ApiError;
use async_trait::async_trait;

use super::binding::{astray, cluster};
use super::policy_lines::lines;
use super::soaking::soaking;
use crate::auth;
use crate::aws::Scope;
use crate::db::Db;
use crate::error::OrInternal;
use crate::gate::{self, Kept};
use crate::policy::{self, Revision};
use crate::sync::{self, Reader};
use crate::train::{self, Phase, Train};

/// Past trains on a page.
const PAGE: usize = 25;

/// Environments, for pages.
pub struct Environments {
    db: Db,
}

impl Environments {
    /// Over a database.
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    async fn policy(&self) -> Result<Option<Revision>, ApiError> {
        policy::current(&self.db).await.or_internal()
    }

    async fn summary(&self, train: &Train) -> Result<TrainSummary, ApiError> {
        let services: Vec<String> = sqlx::query_scalar(
            "SELECT service.name FROM car
             JOIN slot ON slot.id = car.slot_id JOIN service ON service.id = slot.service_id
             WHERE car.train_id = $1 ORDER BY car.position, service.name",
        )
        .bind(&train.id)
        .fetch_all(self.db.read())
        .await
        .or_internal()?;
        let sentence = match &train.phase {
            Phase::Sealed(_) => in_the_way(&gate::kept(&self.db, &train.id).await.or_internal()?),
            _ => {
                let cars = train::cars(&self.db, &train.id).await?;
                train::sentence(train, &cars, &[])
            }
        };
        let since = match &train.phase {
            Phase::Boarding => train.created_at,
            Phase::Sealed(sealed) => sealed.at,
            Phase::Departing(_, departure) => departure.at,
            Phase::Ended { at, .. } => *at,
        };
        Ok(TrainSummary {
            number: train.number,
            state: train.state(),
            held: train
                .held
                .as_ref()
                .map(|held| format!("{}: {}", held.by, held.why)),
            services,
            sentence,
            since,
            captain: train.captain.clone(),
            express: train.express,
        })
    }
}

/// What a sealed train waits for, by the verdicts kept last: the page of many trains does not ask Git about each.
fn in_the_way(kept: &[Kept]) -> String {
    let of = |verdict: &str| kept.iter().find(|one| one.verdict == verdict);
    of("block").or_else(|| of("wait")).map_or_else(
        || "Every gate passes; it can depart.".to_owned(),
        |one| match one.service.as_str() {
            "" => one.sentence.clone(),
            service => format!("{service}: {}", one.sentence),
        },
    )
}

#[async_trait]
impl EnvironmentPort for Environments {
    async fn names(&self, actor: &Actor) -> Result<Vec<String>, ApiError> {
        auth::require_view(actor)?;
        Ok(self
            .policy()
            .await?
            .map(|revision| {
                revision
                    .policy
                    .environments
                    .iter()
                    .map(|environment| environment.name.clone())
                    .collect()
            })
            .unwrap_or_default())
    }

    async fn environment(
        &self,
        actor: &Actor,
        name: &str,
        before: Option<i64>,
    ) -> Result<EnvironmentView, ApiError> {
        auth::require_view(actor)?;
        let revision = self.policy().await?;
        let unknown = || ApiError::NotFound(format!("Environment {name}"));
        let policy = revision.map(|revision| revision.policy).ok_or_else(unknown)?;
        let environment = policy.environment(name).ok_or_else(unknown)?;
        let mut open: Vec<Train> = train::open(&self.db)
            .await?
            .into_iter()
            .filter(|train| train.environment == name)
            .collect();
        open.sort_by_key(|train| (matches!(train.phase, Phase::Boarding), train.number));
        let mut current = Vec::new();
        for train in &open {
            current.push(self.summary(train).await?);
        }
        let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
        let mut trains = train::past(&self.db, name, before.unwrap_or(i64::MAX), limit).await?;
        let more = trains.len() > PAGE;
        trains.truncate(PAGE);
        let mut past = Vec::new();
        for train in &trains {
            past.push(self.summary(train).await?);
        }
        let scopes = sync::scopes(&self.db).await.or_internal()?;
        let scope = Scope {
            account: environment.account.clone(),
            region: environment.region.clone(),
        };
        let astray = astray(&self.db, Some(&policy), &scopes).await.or_internal()?;
        Ok(EnvironmentView {
            now: self.db.now(),
            name: environment.name.clone(),
            binding: format!(
                "account {} · {} · cluster {}",
                environment.account, environment.region, environment.cluster
            ),
            cluster: cluster(&self.db, environment).await.or_internal()?,
            astray: astray
                .into_iter()
                .find(|one| one.environment == name)
                .map(|one| format!("{}.", one.sentence)),
            freshness: scopes
                .get(&scope)
                .map(|state| state.of(Reader::Ecs))
                .unwrap_or_default(),
            policy: lines(environment),
            current,
            soaking: soaking(&self.db, &policy, environment).await.or_internal()?,
            next: trains.last().filter(|_| more).map(|train| train.number),
            past,
        })
    }
}
