//! Everything the board's cells are made from, read in a handful of set-based queries, whatever the number of slots.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::deployment::DeploymentState;
use app::text::Millis;
use app::train::TrainState;

use crate::aws::Scope;
use crate::db::{Db, Inconsistent};
use crate::deployment::{UnderWay, under_way};
use crate::environment::{Astray, astray};
use crate::image::Labels;
use crate::policy::{self, Policy};
use crate::service::{Slot, slots};
use crate::sync::{ScopeState, scopes};

/// The newest deployment of a slot.
#[derive(Debug, Clone)]
pub struct Last {
    /// `dep_…`
    pub id: String,
    /// How far.
    pub state: DeploymentState,
    /// When it came to rest.
    pub ended_at: Option<Millis>,
    /// A person has looked (needs-human only).
    pub resolved: bool,
    /// Why it failed, in AWS's or our words.
    pub failure: Option<String>,
}

/// A train that has not ended.
#[derive(Debug, Clone)]
pub struct OpenTrain {
    /// `trn_…`
    pub id: String,
    /// Environment.
    pub environment: String,
    /// Number.
    pub number: i64,
    /// How far.
    pub state: TrainState,
}

/// A car that waits on a train.
#[derive(Debug, Clone)]
pub struct NextCar {
    /// Environment of its train.
    pub environment: String,
    /// Number of its train.
    pub number: i64,
    /// Repository of its image.
    pub image_repository: String,
    /// Its image.
    pub digest: String,
}

/// What was read.
pub struct Sight {
    /// Now.
    pub now: Millis,
    /// The policy; `None` before the first was applied.
    pub policy: Option<Arc<Policy>>,
    /// Slots by service and environment.
    pub slots: Vec<Slot>,
    /// Deployments that hold slots, by slot.
    pub under_way: BTreeMap<String, UnderWay>,
    /// The newest deployment of each slot.
    pub last: BTreeMap<String, Last>,
    /// Trains that have not ended.
    pub trains: Vec<OpenTrain>,
    /// What would come next, by slot.
    pub next: BTreeMap<String, NextCar>,
    /// Names of images.
    pub labels: Labels,
    /// How fresh all this is.
    pub scopes: BTreeMap<Scope, ScopeState>,
    /// Environments bound to clusters that are not there.
    pub astray: Vec<Astray>,
    /// Heads of the branches that environments name, by repository and branch.
    pub heads: BTreeMap<(String, String), String>,
}

impl Sight {
    /// Reads everything.
    ///
    /// # Errors
    /// The database does not answer, or holds what decodes to no legal state.
    pub async fn of(db: &Db) -> anyhow::Result<Self> {
        let policy = policy::current(db).await?.map(|revision| revision.policy);
        let heads = heads(db, policy.as_deref()).await?;
        let scopes = scopes(db).await?;
        Ok(Self {
            now: db.now(),
            slots: slots(db).await?,
            under_way: under_way(db).await?,
            last: last(db).await?,
            trains: trains(db).await?,
            next: next(db).await?,
            labels: Labels::of_board(db).await?,
            astray: astray(db, policy.as_deref(), &scopes).await?,
            scopes,
            heads,
            policy,
        })
    }
}

async fn last(db: &Db) -> anyhow::Result<BTreeMap<String, Last>> {
    type Row = (
        String,
        String,
        String,
        Option<i64>,
        Option<i64>,
        Option<String>,
        Option<String>,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT deployment.slot_id, deployment.id, deployment.state, deployment.ended_at, deployment.resolved_at,
                deployment.failure_text, deployment.verdict
         FROM (SELECT slot_id, MAX(requested_at) AS requested_at FROM deployment GROUP BY slot_id) newest
         JOIN deployment ON deployment.slot_id = newest.slot_id AND deployment.requested_at = newest.requested_at
         ORDER BY deployment.id",
    )
    .fetch_all(db.read())
    .await?;
    rows.into_iter()
        .map(|(slot, id, state, ended_at, resolved_at, failure, verdict)| {
            let state = parsed("deployment", &id, &state)?;
            let last = Last {
                id,
                state,
                ended_at,
                resolved: resolved_at.is_some(),
                failure: failure.or(verdict),
            };
            Ok((slot, last))
        })
        .collect()
}

async fn trains(db: &Db) -> anyhow::Result<Vec<OpenTrain>> {
    let rows: Vec<(String, String, i64, String)> = sqlx::query_as(
        "SELECT id, environment, number, state FROM train
         WHERE state IN ('boarding', 'sealed', 'departing') ORDER BY environment, number",
    )
    .fetch_all(db.read())
    .await?;
    rows.into_iter()
        .map(|(id, environment, number, state)| {
            let state = parsed("train", &id, &state)?;
            Ok(OpenTrain {
                id,
                environment,
                number,
                state,
            })
        })
        .collect()
}

async fn next(db: &Db) -> sqlx::Result<BTreeMap<String, NextCar>> {
    // By number, so that of two trains the older one is kept: it leaves first.
    let rows: Vec<(String, String, i64, String, String)> = sqlx::query_as(
        "SELECT car.slot_id, train.environment, train.number, car.image_repository, car.digest
         FROM car JOIN train ON train.id = car.train_id
         WHERE train.state IN ('boarding', 'sealed', 'departing') AND car.state = 'waiting'
         ORDER BY train.number DESC",
    )
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(slot, environment, number, image_repository, digest)| {
            (
                slot,
                NextCar {
                    environment,
                    number,
                    image_repository,
                    digest,
                },
            )
        })
        .collect())
}

async fn heads(db: &Db, policy: Option<&Policy>) -> sqlx::Result<BTreeMap<(String, String), String>> {
    let mut heads = BTreeMap::new();
    let mut names: Vec<&str> = policy
        .iter()
        .flat_map(|policy| &policy.environments)
        .flat_map(|environment| &environment.sources)
        .map(String::as_str)
        .filter(|source| !source.contains('*') && !source.starts_with("arrived:"))
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT repository.name, branch.head FROM branch
             JOIN repository ON repository.id = branch.repository_id WHERE branch.name = $1",
        )
        .bind(name)
        .fetch_all(db.read())
        .await?;
        heads.extend(
            rows.into_iter()
                .map(|(repository, head)| ((repository, name.to_owned()), head)),
        );
    }
    Ok(heads)
}

fn parsed<T: std::str::FromStr<Err = String>>(
    table: &'static str,
    id: &str,
    text: &str,
) -> Result<T, Inconsistent> {
    text.parse().map_err(|what| Inconsistent {
        table,
        id: id.to_owned(),
        what,
    })
}
