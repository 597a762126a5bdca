//! Reads the facts: one pass over the store, and what Git knows about the commits that matter.

mod car;
mod history;
mod pass;
mod slot;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use app::text::Millis;

use self::pass::Pass;
use super::car::Car;
use super::facts::{Ancestry, Facts, Line, TrainFacts};
use super::history::History;
use super::manifest::{ManifestCar, manifest_cars};
use super::state::{Phase, Train};
use super::store;
use crate::approval;
use crate::db::Db;
use crate::policy::Environment;
use crate::service;

/// Builds older than this do not board any more.
const BOARDING_WINDOW: Millis = 30 * 86_400_000;

/// Answers of Git that can never change: a commit's ancestors are part of its id.
pub type Memory = Arc<Mutex<HashMap<(String, String, String), bool>>>;

/// Reads facts.
#[derive(Clone)]
pub struct Loader {
    db: Db,
    history: Arc<dyn History>,
    memory: Memory,
}

impl Loader {
    /// A loader.
    pub fn new(db: Db, history: Arc<dyn History>) -> Self {
        Self {
            db,
            history,
            memory: Memory::default(),
        }
    }

    /// Everything, for a tick; `None` before the first policy.
    ///
    /// # Errors
    /// The database or a mirror does not answer, or a row makes no sense.
    pub async fn all(&self) -> anyhow::Result<Option<Facts>> {
        let Some(pass) = self.pass().await? else {
            return Ok(None);
        };
        let mut ancestry = Ancestry::default();
        let trains = store::open_trains(self.db.read()).await?;
        let mut cars: BTreeMap<String, Vec<Car>> = BTreeMap::new();
        for car in store::open_cars(self.db.read()).await? {
            cars.entry(car.train_id.clone()).or_default().push(car);
        }
        let offers = self.offers(pass.now - BOARDING_WINDOW).await?;
        let mut lines = Vec::new();
        for environment in &pass.revision.policy.environments {
            let environment = Arc::new(environment.clone());
            let mut line = Line {
                environment: environment.clone(),
                trains: Vec::new(),
                slots: Vec::new(),
            };
            for train in trains
                .iter()
                .filter(|train| train.environment == environment.name)
            {
                let cars = cars.remove(&train.id).unwrap_or_default();
                let facts = self
                    .train(&pass, train.clone(), cars, environment.clone(), &mut ancestry)
                    .await?;
                line.trains.push(facts);
            }
            for slot in pass
                .slots
                .iter()
                .filter(|slot| slot.environment == environment.name)
            {
                let facts = self.slot(&pass, &environment, slot, &offers).await?;
                self.compare(&facts, &line.trains, &mut ancestry).await;
                line.slots.push(facts);
            }
            lines.push(line);
        }
        Ok(Some(Facts { lines, ancestry }))
    }

    /// One train before its end, for its page and for departing.
    ///
    /// # Errors
    /// The database or a mirror does not answer, or a row makes no sense.
    pub async fn one(&self, train: Train) -> anyhow::Result<Option<(TrainFacts, Ancestry)>> {
        let Some(pass) = self.pass().await? else {
            return Ok(None);
        };
        let Some(environment) = pass.revision.policy.environment(&train.environment) else {
            return Ok(None);
        };
        let environment = Arc::new(environment.clone());
        let cars = store::cars_of(self.db.read(), &train.id).await?;
        let mut ancestry = Ancestry::default();
        let facts = self.train(&pass, train, cars, environment, &mut ancestry).await?;
        Ok(Some((facts, ancestry)))
    }

    async fn train(
        &self,
        pass: &Pass,
        train: Train,
        cars: Vec<Car>,
        environment: Arc<Environment>,
        ancestry: &mut Ancestry,
    ) -> anyhow::Result<TrainFacts> {
        let consent = match (&train.phase, &pass.people) {
            (Phase::Sealed(sealed), Some(people)) if environment.approvals.count > 0 => {
                let asked = approval::Asked {
                    train: &train.id,
                    cars: &cars,
                    sealed,
                    environment: &environment,
                    policy_revision: pass.revision.number,
                    now: pass.now,
                };
                Some(approval::consent(&self.db, &*self.history, people, asked).await?)
            }
            _ => None,
        };
        let mut manifest: BTreeMap<String, ManifestCar> = train
            .sealed()
            .map(|sealed| manifest_cars(&sealed.manifest))
            .unwrap_or_default()
            .into_iter()
            .map(|car| (car.slot.clone(), car))
            .collect();
        let mut facts = Vec::new();
        for car in cars {
            let sealed = manifest.remove(&car.slot_id);
            // Also where its ECS service is gone meanwhile: the car is still there.
            let slot = match pass.slots.iter().find(|slot| slot.id == car.slot_id) {
                Some(slot) => Some(slot.clone()),
                None => service::slot_by_id(&self.db, &car.slot_id).await?,
            };
            if let Some(slot) = slot {
                facts.push(self.car(pass, &environment, car, slot, sealed, ancestry).await?);
            }
        }
        Ok(TrainFacts {
            train,
            environment,
            policy_revision: pass.revision.number,
            cars: facts,
            consent,
        })
    }
}
