//! Reads the facts: one pass over the store, and what Git knows about the commits that matter.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use app::build::BuildStatus;
use app::text::Millis;
use sqlx::FromRow;

use super::car::Car;
use super::facts::{
    AlarmFact, Ancestry, BuildFact, Candidate, CarFacts, Facts, Line, SlotFacts, SourceFact, TrainFacts,
    Upstream,
};
use super::history::History;
use super::manifest::{ManifestCar, manifest_cars};
use super::state::{Phase, Train};
use super::store;
use crate::approval;
use crate::db::Db;
use crate::deployment::{self, UnderWay};
use crate::image::{self, Image};
use crate::policy::{self, Environment, Policy, Source};
use crate::service::{self, Slot};

/// Builds older than this do not board any more.
const BOARDING_WINDOW: Millis = 30 * 86_400_000;

/// How many images of a slot and lane are compared with each other.
const COMPARED: usize = 6;

/// Answers of Git that can never change: a commit's ancestors are part of its id.
pub type Memory = Arc<Mutex<HashMap<(String, String, String), bool>>>;

/// Reads facts.
#[derive(Clone)]
pub struct Loader {
    db: Db,
    history: Arc<dyn History>,
    memory: Memory,
}

/// What is read once for a whole pass.
struct Pass {
    revision: policy::Revision,
    now: Millis,
    slots: Vec<Slot>,
    busy: BTreeMap<String, UnderWay>,
    sources: Vec<SourceRow>,
    refusals: BTreeMap<(String, String), String>,
    arrived: BTreeMap<String, (String, Millis)>,
    people: Option<approval::People>,
    stays: Vec<Stay>,
    /// When the newest deployment of each slot came to rest.
    rested: BTreeMap<String, Millis>,
}

/// An image that was deployed to a slot; it stayed until the next one of the same slot.
#[derive(Debug, FromRow)]
struct Stay {
    slot_id: String,
    digest: String,
    ended_at: i64,
    good: i64,
}

impl Pass {
    /// Whether an image once stayed in a slot for so long and is still thought good there.
    fn has_soaked(&self, slot_id: &str, digest: &str, soak: Millis) -> bool {
        let next = self.stays.iter().skip(1).map(Some).chain([None]);
        self.stays.iter().zip(next).any(|(stay, next)| {
            let until = next
                .filter(|next| next.slot_id == stay.slot_id)
                .map_or(self.now, |next| next.ended_at);
            stay.slot_id == slot_id
                && stay.digest == digest
                && stay.good == 1
                && until - stay.ended_at >= soak
        })
    }
}

#[derive(Debug, FromRow)]
struct SourceRow {
    account: String,
    region: String,
    reader: String,
    read_at: Option<i64>,
    missed: i64,
    problem: Option<String>,
}

#[derive(Debug, FromRow)]
struct OfferRow {
    service_id: String,
    build_id: String,
    branch: String,
    commit_id: String,
    repository: String,
    digest: String,
    pushed_at: i64,
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

    async fn pass(&self) -> anyhow::Result<Option<Pass>> {
        let Some(revision) = policy::current(&self.db).await? else {
            return Ok(None);
        };
        let refusals: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT slot_id, digest, reason FROM boarding_refusal WHERE allowed_at IS NULL ORDER BY refused_at",
        )
        .fetch_all(self.db.read())
        .await?;
        let arrived: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT slot_id, digest, ended_at FROM deployment
             WHERE state = 'succeeded' AND ended_at IS NOT NULL
               AND ended_at = (SELECT MAX(later.ended_at) FROM deployment later
                               WHERE later.slot_id = deployment.slot_id AND later.state = 'succeeded')",
        )
        .fetch_all(self.db.read())
        .await?;
        let stays: Vec<Stay> = sqlx::query_as(
            "SELECT deployment.slot_id, deployment.digest, deployment.ended_at,
                    CASE WHEN known_good.digest IS NULL OR known_good.bad_at IS NOT NULL THEN 0 ELSE 1 END AS good
             FROM deployment
             LEFT JOIN known_good ON known_good.slot_id = deployment.slot_id AND known_good.digest = deployment.digest
             WHERE deployment.state = 'succeeded' AND deployment.ended_at IS NOT NULL
             ORDER BY deployment.slot_id, deployment.ended_at",
        )
        .fetch_all(self.db.read())
        .await?;
        let rested: Vec<(String, Millis)> = sqlx::query_as(
            "SELECT slot_id, MAX(ended_at) FROM deployment WHERE ended_at IS NOT NULL GROUP BY slot_id",
        )
        .fetch_all(self.db.read())
        .await?;
        let asked = revision
            .policy
            .environments
            .iter()
            .any(|environment| environment.approvals.count > 0);
        let people = if asked {
            Some(approval::People::load(&self.db, &revision.policy).await?)
        } else {
            None
        };
        Ok(Some(Pass {
            revision,
            now: self.db.now(),
            slots: service::slots(&self.db).await?,
            busy: deployment::under_way(&self.db).await?,
            sources: sqlx::query_as("SELECT account, region, reader, read_at, missed, problem FROM scope")
                .fetch_all(self.db.read())
                .await?,
            refusals: refusals
                .into_iter()
                .map(|(slot, digest, reason)| ((slot, digest), reason))
                .collect(),
            arrived: arrived
                .into_iter()
                .map(|(slot, digest, at)| (slot, (digest, at)))
                .collect(),
            people,
            stays,
            rested: rested.into_iter().collect(),
        }))
    }

    /// Images of builds that succeeded and count, newest first.
    async fn offers(&self, since: Millis) -> sqlx::Result<BTreeMap<String, Vec<OfferRow>>> {
        let rows: Vec<OfferRow> = sqlx::query_as(
            "SELECT service.id AS service_id, build.id AS build_id, build.branch, build.commit_id,
                    image.repository, image.digest, image.pushed_at
             FROM build
             JOIN repository ON repository.id = build.repository_id
             JOIN service ON service.repository = repository.name
             JOIN image ON image.commit_id = build.commit_id AND image.repository = service.image_repository
             WHERE build.status = 'succeeded' AND build.counts = 1 AND build.created_at >= $1
               AND image.gone_at IS NULL AND image.archived = 0
             ORDER BY image.pushed_at DESC, build.created_at DESC, build.id DESC",
        )
        .bind(since)
        .fetch_all(self.db.read())
        .await?;
        let mut offers: BTreeMap<String, Vec<OfferRow>> = BTreeMap::new();
        for row in rows {
            offers.entry(row.service_id.clone()).or_default().push(row);
        }
        Ok(offers)
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

    async fn car(
        &self,
        pass: &Pass,
        environment: &Environment,
        car: Car,
        slot: Slot,
        sealed: Option<ManifestCar>,
        ancestry: &mut Ancestry,
    ) -> anyhow::Result<CarFacts> {
        let repository = slot.repository.clone().unwrap_or_default();
        let running = self.running(&slot).await?;
        let running_commit = running.and_then(|image| image.commit_id);
        let standing = match car.phase.deployment() {
            Some(id) => deployment::states(&self.db, &[id.to_owned()])
                .await?
                .into_values()
                .next(),
            None => None,
        };
        let (builds, branches) = match &car.commit {
            Some(commit) => (
                self.builds(&repository, commit).await?,
                self.branches(&repository, commit).await,
            ),
            None => (Vec::new(), Vec::new()),
        };
        if let (Some(running), Some(commit)) = (&running_commit, &car.commit) {
            self.contains(&repository, running, commit, ancestry).await;
        }
        let good = deployment::known_good(&self.db, &slot.id).await?;
        let verified = good.iter().filter(|good| good.verified != 0).count();
        Ok(CarFacts {
            sealed,
            busy: pass.busy.get(&slot.id).cloned(),
            rested_at: pass.rested.get(&slot.id).copied(),
            standing,
            builds,
            image: image::image(&self.db, &car.image_repository, &car.digest).await?,
            branches,
            running_commit,
            upstream: upstream(pass, &car, &slot),
            alarms: self.alarms(environment, &slot).await?,
            sources: sources(pass, environment, &slot, &car.image_repository),
            known_good: (verified, good.len() - verified),
            refused: pass.refusals.get(&(slot.id.clone(), car.digest.clone())).cloned(),
            containers: self.containers(&slot).await?,
            car,
            slot,
        })
    }

    async fn slot(
        &self,
        pass: &Pass,
        environment: &Environment,
        slot: &Slot,
        offers: &BTreeMap<String, Vec<OfferRow>>,
    ) -> anyhow::Result<SlotFacts> {
        let running = self.running(slot).await?;
        let mut candidates = Vec::new();
        for offer in offers.get(&slot.service_id).into_iter().flatten() {
            let lanes = [
                (false, environment.boards_branch(&offer.branch)),
                (true, environment.boards_express(&offer.branch)),
            ];
            for (express, boards) in lanes {
                let so_far = candidates
                    .iter()
                    .filter(|one: &&Candidate| one.express == express);
                let twice = so_far.clone().any(|one| one.digest == offer.digest);
                if boards && !twice && so_far.count() < COMPARED {
                    candidates.push(Candidate {
                        image_repository: offer.repository.clone(),
                        digest: offer.digest.clone(),
                        commit: offer.commit_id.clone(),
                        branch: Some(offer.branch.clone()),
                        build_id: Some(offer.build_id.clone()),
                        promoted_from: None,
                        express,
                        pushed_at: offer.pushed_at,
                        allowed: false,
                        refused: None,
                    });
                }
            }
        }
        for source in environment.parsed_sources() {
            if let Source::Arrived(from) = source
                && let Some(promoted) = self.promoted(pass, slot, from).await?
            {
                candidates.push(promoted);
            }
        }
        for candidate in &mut candidates {
            candidate.allowed = environment.only_branches.is_empty()
                || self
                    .branches(slot.repository.as_deref().unwrap_or_default(), &candidate.commit)
                    .await
                    .iter()
                    .any(|branch| environment.allows_branch(branch));
            candidate.refused = pass
                .refusals
                .get(&(slot.id.clone(), candidate.digest.clone()))
                .cloned();
        }
        Ok(SlotFacts {
            slot: slot.clone(),
            running_pushed_at: running.as_ref().map(|image| image.pushed_at),
            running_commit: running.and_then(|image| image.commit_id),
            candidates,
        })
    }

    /// What arrived and soaked in another environment and still runs there.
    async fn promoted(&self, pass: &Pass, slot: &Slot, from: &str) -> anyhow::Result<Option<Candidate>> {
        let there = pass
            .slots
            .iter()
            .find(|other| other.environment == from && other.service_id == slot.service_id);
        let (Some(there), Some(repository)) = (there, &slot.image_repository) else {
            return Ok(None);
        };
        let Some((digest, arrived)) = pass.arrived.get(&there.id) else {
            return Ok(None);
        };
        let soaked = arrived + soak(&pass.revision.policy, from) <= pass.now;
        if !soaked || there.runs_now() != Some(digest.as_str()) {
            return Ok(None);
        }
        let Some(image) = image::image(&self.db, repository, digest).await? else {
            return Ok(None);
        };
        let (Some(commit), None, 0) = (image.commit_id, image.gone_at, image.archived) else {
            return Ok(None);
        };
        Ok(Some(Candidate {
            image_repository: image.repository,
            digest: image.digest,
            commit,
            branch: image.branch,
            build_id: None,
            promoted_from: Some(from.to_owned()),
            express: false,
            pushed_at: image.pushed_at,
            allowed: false,
            refused: None,
        }))
    }

    /// Asks Git about every pair that choosing among the candidates of a slot may need.
    async fn compare(&self, slot: &SlotFacts, trains: &[TrainFacts], ancestry: &mut Ancestry) {
        let repository = slot.slot.repository.as_deref().unwrap_or_default();
        let mut commits: BTreeSet<&str> = slot
            .candidates
            .iter()
            .map(|candidate| candidate.commit.as_str())
            .collect();
        if commits.is_empty() {
            return;
        }
        commits.extend(slot.running_commit.as_deref());
        commits.extend(
            trains
                .iter()
                .flat_map(|train| &train.cars)
                .filter(|car| car.slot.id == slot.slot.id)
                .filter_map(|car| car.car.commit.as_deref()),
        );
        for one in &commits {
            for other in commits.iter().filter(|other| *other != one) {
                self.contains(repository, one, other, ancestry).await;
            }
        }
    }

    async fn contains(&self, repository: &str, ancestor: &str, descendant: &str, ancestry: &mut Ancestry) {
        let key = (repository.to_owned(), ancestor.to_owned(), descendant.to_owned());
        let remembered = self
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .copied();
        let known = match remembered {
            Some(known) => Some(known),
            None => unknown_if_unreadable(
                self.history.is_ancestor(repository, ancestor, descendant).await,
                repository,
            ),
        };
        if let Some(known) = known {
            if remembered.is_none() {
                self.memory
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key.clone(), known);
            }
            ancestry.0.insert(key, known);
        }
    }

    async fn branches(&self, repository: &str, commit: &str) -> Vec<String> {
        unknown_if_unreadable(
            self.history.branches_containing(repository, commit).await,
            repository,
        )
    }

    async fn running(&self, slot: &Slot) -> sqlx::Result<Option<Image>> {
        let Some(digest) = slot.runs_now() else {
            return Ok(None);
        };
        if let Some(repository) = &slot.image_repository
            && let Some(image) = image::image(&self.db, repository, digest).await?
        {
            return Ok(Some(image));
        }
        Ok(None)
    }

    async fn builds(&self, repository: &str, commit: &str) -> anyhow::Result<Vec<BuildFact>> {
        type Row = (String, i64, String, String, Option<i64>, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT build.id, build.number, build.branch, build.status, build.counts, build.counts_why
             FROM build JOIN repository ON repository.id = build.repository_id
             WHERE repository.name = $1 AND build.commit_id = $2
             ORDER BY build.created_at DESC, build.id DESC",
        )
        .bind(repository)
        .bind(commit)
        .fetch_all(self.db.read())
        .await?;
        let mut builds = Vec::new();
        for (id, number, branch, status, counts, counts_why) in rows {
            let stages: Vec<(String, String)> = sqlx::query_as(
                "SELECT name, status FROM build_stage WHERE build_id = $1 ORDER BY attempt DESC, name",
            )
            .bind(&id)
            .fetch_all(self.db.read())
            .await?;
            let status_of = |text: &str| text.parse::<BuildStatus>().map_err(anyhow::Error::msg);
            builds.push(BuildFact {
                number,
                branch,
                status: status_of(&status)?,
                counts: counts.map(|counts| counts != 0),
                counts_why,
                stages: stages
                    .into_iter()
                    .map(|(name, status)| Ok((name, status_of(&status)?)))
                    .collect::<anyhow::Result<_>>()?,
                id,
            });
        }
        Ok(builds)
    }

    async fn alarms(&self, environment: &Environment, slot: &Slot) -> sqlx::Result<Vec<AlarmFact>> {
        let mut alarms = Vec::new();
        for pattern in &environment.alarms {
            let name = pattern.replace("{service}", &slot.service);
            let state = sqlx::query_as(
                "SELECT state, reason FROM alarm WHERE account = $1 AND region = $2 AND name = $3",
            )
            .bind(&slot.account)
            .bind(&slot.region)
            .bind(&name)
            .fetch_optional(self.db.read())
            .await?;
            alarms.push(AlarmFact { name, state });
        }
        Ok(alarms)
    }

    async fn containers(&self, slot: &Slot) -> anyhow::Result<Option<Vec<String>>> {
        let images: Option<String> = sqlx::query_scalar("SELECT images FROM task_definition WHERE arn = $1")
            .bind(&slot.running_task_definition)
            .fetch_optional(self.db.read())
            .await?;
        images
            .map(|images| {
                let pairs: Vec<(String, String)> = serde_json::from_str(&images)?;
                Ok(pairs.into_iter().map(|(container, _)| container).collect())
            })
            .transpose()
    }
}

/// A mirror that cannot be read knows nothing, and its gates wait; the other repositories go on.
fn unknown_if_unreadable<T: Default>(answer: anyhow::Result<T>, repository: &str) -> T {
    answer.unwrap_or_else(|cause| {
        tracing::warn!(name: "train.mirror", repository, cause = format!("{cause:#}"), "a mirror cannot be read");
        T::default()
    })
}

fn soak(policy: &Policy, environment: &str) -> Millis {
    policy
        .environment(environment)
        .map_or(0, |environment| Millis::from(environment.soak_seconds) * 1_000)
}

fn upstream(pass: &Pass, car: &Car, slot: &Slot) -> Option<Upstream> {
    let from = car.promoted_from.as_ref()?;
    let there = pass
        .slots
        .iter()
        .find(|other| other.environment == *from && other.service_id == slot.service_id)?;
    Some(Upstream {
        environment: from.clone(),
        running: there.runs_now().map(str::to_owned),
        arrived: pass.arrived.get(&there.id).cloned(),
        soak: soak(&pass.revision.policy, from),
        soaked: pass.has_soaked(&there.id, &car.digest, soak(&pass.revision.policy, from)),
    })
}

/// The readers whose word the gates of a car rest on.
fn sources(pass: &Pass, environment: &Environment, slot: &Slot, image_repository: &str) -> Vec<SourceFact> {
    let mut wanted = vec![("ecs", "ECS", slot.account.clone(), slot.region.clone())];
    if let Some((account, region)) = registry(image_repository) {
        wanted.push(("ecr", "ECR", account, region));
    }
    if !environment.alarms.is_empty() {
        wanted.push(("alarms", "CloudWatch", slot.account.clone(), slot.region.clone()));
    }
    wanted
        .into_iter()
        .map(|(reader, word, account, region)| {
            let row = pass
                .sources
                .iter()
                .find(|row| row.reader == reader && row.account == account && row.region == region);
            SourceFact {
                name: format!("{word} in {account} · {region}"),
                read_at: row.and_then(|row| row.read_at),
                missed: row.map_or(0, |row| row.missed),
                problem: row.and_then(|row| row.problem.clone()),
            }
        })
        .collect()
}

/// Account and region of a registry: `111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/checkout`.
fn registry(image_repository: &str) -> Option<(String, String)> {
    let mut parts = image_repository.split('/').next()?.split('.');
    let account = parts.next()?;
    let region = parts.skip_while(|part| *part != "ecr").nth(1)?;
    Some((account.to_owned(), region.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_names_account_and_region() {
        assert_eq!(
            registry("111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/checkout"),
            Some(("111122223333".to_owned(), "eu-west-1".to_owned()))
        );
        assert_eq!(registry("docker.io/acme/checkout"), None);
    }
}
