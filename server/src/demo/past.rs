//! Writes the demo's past: what a Yardmaster that has been here for months would have in its database. What runs now,
//! images and commits are not written here: they are synced from the demo's AWS and repositories as in life.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use app::deployment::{DeploymentKind, FailureClass};
use app::train::{CarState, TrainState};
use sim::persona::PERSONAS;
use sim::world::History;
use sim::world::history::{self, Cause, Outcome, TrainOutcome};

use crate::aws::{container_images, with_image};
use crate::crypto::{Cipher, canonical_json, sha256_hex};
use crate::db::{Db, Tx};
use crate::deployment::{Before, Facts, Failure, Following, Registered, Rollout, Rules, State};
use crate::service::{self, Slot};

/// What the past is written with.
struct Writer<'a> {
    tx: Tx,
    history: &'a History,
    slots: BTreeMap<(String, String), Slot>,
    /// Login to person.
    people: BTreeMap<&'static str, (String, &'static str)>,
    /// Number in the record to `dep_…`.
    deployments: BTreeMap<u64, String>,
}

/// Writes it, once: a database that has trains has a past already.
pub(super) async fn write(db: &Db, cipher: &Cipher, history: &History, issuer: &str) -> Result<()> {
    let trains: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM train")
        .fetch_one(db.read())
        .await?;
    if trains > 0 {
        return Ok(());
    }
    let slots = service::slots(db).await?;
    let contents = contents(db, cipher, &slots).await?;
    let slots = slots
        .into_iter()
        .map(|slot| ((slot.service.clone(), slot.environment.clone()), slot))
        .collect();
    let mut writer = Writer {
        tx: db.begin().await?,
        history,
        slots,
        people: BTreeMap::new(),
        deployments: BTreeMap::new(),
    };
    writer.people(issuer).await?;
    for build in &history.builds {
        writer.build(build).await?;
    }
    let ids = db.context.ids.clone();
    for deployment in &history.deployments {
        let id = ids.next("dep", deployment.started_at);
        writer.deployments.insert(deployment.id, id);
    }
    for train in &history.trains {
        let id = ids.next("trn", train.sealed_at);
        writer.train(&id, train).await?;
    }
    for deployment in &history.deployments {
        writer.deployment(deployment, &contents, cipher, &ids).await?;
    }
    writer.tx.event("slot", "");
    writer.tx.commit().await?;
    Ok(())
}

/// Records the demo's repositories, so that they are mirrored.
pub(super) async fn repositories(db: &Db, history: &History, git: &Path) -> Result<()> {
    let names: BTreeSet<&str> = history
        .builds
        .iter()
        .map(|build| build.repository.as_str())
        .collect();
    let mut tx = db.begin().await?;
    for name in names {
        let (id, now) = (tx.id("repo"), tx.now());
        sqlx::query(
            "INSERT INTO repository (id, name, forge, clone_url, default_branch, wanted_at) VALUES ($1, $2, 'github', $3, 'main', $4)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(id)
        .bind(name)
        .bind(format!("file://{}", git.join(format!("{name}.git")).display()))
        .bind(now)
        .execute(tx.connection())
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The content each slot's task definition has now, by slot.
async fn contents(db: &Db, cipher: &Cipher, slots: &[Slot]) -> Result<BTreeMap<String, serde_json::Value>> {
    let mut contents = BTreeMap::new();
    for slot in slots {
        let Some(arn) = &slot.running_task_definition else {
            continue;
        };
        if let Some(content) = service::task_definition_content(db, cipher, arn).await? {
            contents.insert(slot.id.clone(), content);
        }
    }
    Ok(contents)
}

impl Writer<'_> {
    async fn people(&mut self, issuer: &str) -> Result<()> {
        let since = self
            .history
            .builds
            .first()
            .map_or(self.history.until, |build| build.started_at);
        for persona in PERSONAS {
            let id = self.tx.id("usr");
            sqlx::query(
                "INSERT INTO person (id, issuer, subject, name, email, email_verified, groups_json, session_epoch, created_at, seen_at)
                 VALUES ($1, $2, $3, $4, $5, 1, $6, 0, $7, $7) ON CONFLICT (issuer, subject) DO NOTHING",
            )
            .bind(&id)
            .bind(issuer)
            .bind(persona.subject)
            .bind(persona.name)
            .bind(persona.email())
            .bind(serde_json::to_string(persona.groups)?)
            .bind(since)
            .execute(self.tx.connection())
            .await?;
            // The forge's logins are matched already, as they would be after months.
            sqlx::query(
                "INSERT INTO person_identity (identity, person_id, mapped_by, mapped_at)
                 SELECT $1, id, 'system', $4 FROM person WHERE issuer = $2 AND subject = $3
                 ON CONFLICT (identity) DO NOTHING",
            )
            .bind(format!("github:{}", persona.login))
            .bind(issuer)
            .bind(persona.subject)
            .bind(since)
            .execute(self.tx.connection())
            .await?;
            self.people.insert(persona.login, (id, persona.name));
        }
        Ok(())
    }

    fn person(&self, login: &str) -> (String, String) {
        self.people.get(login).map_or_else(
            || ("system".to_owned(), login.to_owned()),
            |(id, name)| (id.clone(), (*name).to_owned()),
        )
    }

    async fn build(&mut self, build: &history::Build) -> Result<()> {
        let repository: Option<String> = sqlx::query_scalar("SELECT id FROM repository WHERE name = $1")
            .bind(&build.repository)
            .fetch_optional(self.tx.connection())
            .await?;
        let Some(repository) = repository else {
            return Ok(());
        };
        let id = self.tx.id("bld");
        let status = if build.succeeded { "succeeded" } else { "failed" };
        sqlx::query(
            "INSERT INTO build (id, repository_id, external_id, attempt, number, workflow, event, branch, commit_id, head_repository,
                                actor_login, status, rank, url, created_at, started_at, ended_at, updated_at, counts, counts_why)
             VALUES ($1, $2, $3, 1, $4, 'build', 'push', $5, $6, $7, $8, $9, 100, NULL, $10, $10, $11, $11, 1, NULL)
             ON CONFLICT (repository_id, external_id) DO NOTHING",
        )
        .bind(&id)
        .bind(repository)
        .bind(build.run.to_string())
        .bind(i64::try_from(build.number)?)
        .bind(&build.branch)
        .bind(&build.sha)
        .bind(&build.repository)
        .bind(&build.author)
        .bind(status)
        .bind(build.started_at)
        .bind(build.ended_at)
        .execute(self.tx.connection())
        .await?;
        for (place, stage) in build.stages.iter().enumerate() {
            let status = match stage.conclusion.as_str() {
                "success" => "succeeded",
                "skipped" => "skipped",
                _ => "failed",
            };
            sqlx::query(
                "INSERT INTO build_stage (build_id, external_id, attempt, name, status, rank, started_at, ended_at)
                 VALUES ($1, $2, 1, $3, $4, 100, $5, $6)",
            )
            .bind(&id)
            .bind(format!("{}-{place}", build.run))
            .bind(&stage.name)
            .bind(status)
            .bind(stage.started_at)
            .bind(stage.ended_at)
            .execute(self.tx.connection())
            .await?;
        }
        Ok(())
    }

    async fn train(&mut self, id: &str, train: &history::Train) -> Result<()> {
        let cars: Vec<&history::Deployment> = train
            .deployments
            .iter()
            .filter_map(|number| self.history.deployments.iter().find(|one| one.id == *number))
            .collect();
        let manifest = canonical_json(&serde_json::json!({
            "environment": train.environment,
            "train": train.number,
            "cars": cars.iter().map(|car| serde_json::json!({"service": car.service, "digest": car.digest})).collect::<Vec<_>>(),
        }));
        let state = match train.outcome {
            TrainOutcome::Arrived => TrainState::Arrived,
            TrainOutcome::PartlyArrived => TrainState::PartlyArrived,
            TrainOutcome::RolledBack => TrainState::RolledBack,
        };
        let why = match state {
            TrainState::Arrived => "Every car arrived.",
            TrainState::PartlyArrived => "Some cars arrived, the others were put back.",
            _ => "Every car was put back.",
        };
        let (captain_id, captain) = self.person(&train.captain);
        sqlx::query(
            "INSERT INTO train (id, environment, number, express, state, revision, version, captain_id, captain, created_at, sealed_at,
                                sealed_by, manifest, manifest_sha256, policy_revision, departed_at, departed_by, departed_epoch, ended_at, ended_why)
             VALUES ($1, $2, $3, $4, $5, 1, 1, $6, $7, $8, $8, $6, $9, $10, 1, $11, $6, 0, $12, $13)",
        )
        .bind(id)
        .bind(&train.environment)
        .bind(i64::try_from(train.number)?)
        .bind(i64::from(train.express))
        .bind(state.as_str())
        .bind(&captain_id)
        .bind(&captain)
        .bind(train.sealed_at)
        .bind(&manifest)
        .bind(sha256_hex(manifest.as_bytes()))
        .bind(train.departed_at)
        .bind(train.ended_at)
        .bind(why)
        .execute(self.tx.connection())
        .await?;
        for approver in &train.approvers {
            let (person, _) = self.person(approver);
            let approval = self.tx.id("apr");
            sqlx::query(
                "INSERT INTO approval (id, train_id, manifest_sha256, policy_revision, person_id, approved, comment, at, expires_at)
                 VALUES ($1, $2, $3, 1, $4, 1, NULL, $5, $6)",
            )
            .bind(approval)
            .bind(id)
            .bind(sha256_hex(manifest.as_bytes()))
            .bind(person)
            .bind(train.departed_at)
            .bind(train.departed_at + 86_400_000)
            .execute(self.tx.connection())
            .await?;
        }
        let mut seen = BTreeSet::new();
        for (position, car) in cars.into_iter().enumerate() {
            let Some(slot) = self
                .slots
                .get(&(car.service.clone(), car.environment.clone()))
                .cloned()
            else {
                continue;
            };
            if !seen.insert(slot.id.clone()) {
                continue;
            }
            let state = if car.succeeded() {
                CarState::Arrived
            } else {
                CarState::Undone
            };
            let car_id = self.tx.id("car");
            sqlx::query(
                "INSERT INTO car (id, train_id, slot_id, image_repository, digest, commit_id, from_digest, position, state, deployment_id,
                                  boarded_at, version, note)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12)",
            )
            .bind(car_id)
            .bind(id)
            .bind(&slot.id)
            .bind(slot.image_repository.clone().unwrap_or_default())
            .bind(&car.digest)
            .bind(&car.sha)
            .bind(&car.from_digest)
            .bind(i64::try_from(position)?)
            .bind(state.as_str())
            .bind(self.deployments.get(&car.id))
            .bind(train.sealed_at)
            .bind(match &car.outcome {
                Outcome::Succeeded => None,
                Outcome::RolledBack { reason, .. } => Some(format!("ECS rolled it back: {reason}")),
            })
            .execute(self.tx.connection())
            .await?;
        }
        Ok(())
    }

    async fn deployment(
        &mut self,
        deployment: &history::Deployment,
        contents: &BTreeMap<String, serde_json::Value>,
        cipher: &Cipher,
        ids: &crate::clock::Ids,
    ) -> Result<()> {
        let Some(slot) = self
            .slots
            .get(&(deployment.service.clone(), deployment.environment.clone()))
            .cloned()
        else {
            return Ok(());
        };
        let repository = slot.image_repository.clone().unwrap_or_default();
        let task_definition = deployment
            .task_definition
            .clone()
            .unwrap_or_else(|| slot.running_task_definition.clone().unwrap_or_default());
        if deployment.succeeded()
            && let Some(content) = contents.get(&slot.id)
        {
            let image = format!("{repository}@{}", deployment.digest);
            let content = container_images(content)
                .iter()
                .find(|(name, _)| *name == slot.container)
                .and_then(|_| with_image(content, &slot.container, &image));
            let content = content.context("a slot's task definition has its container")?;
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
            .bind(&task_definition)
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
        }
        let (kind, number, by, reason) = match &deployment.cause {
            Cause::Baseline => return Ok(()),
            Cause::Train { number } => (DeploymentKind::Train, Some(*number), None, None),
            Cause::Rollback { by, reason, .. } => (
                DeploymentKind::Rollback,
                None,
                Some(by.clone()),
                Some(reason.clone()),
            ),
        };
        let id = self
            .deployments
            .get(&deployment.id)
            .cloned()
            .context("numbered before")?;
        let train: Option<(String, String, String)> = match number {
            None => None,
            Some(number) => sqlx::query_as(
                "SELECT train.id, COALESCE(train.captain_id, 'system'), COALESCE(train.captain, 'Yardmaster')
                     FROM train WHERE environment = $1 AND number = $2",
            )
            .bind(&deployment.environment)
            .bind(i64::try_from(number)?)
            .fetch_optional(self.tx.connection())
            .await?,
        };
        let (by_id, by_name) = match (&train, by) {
            (Some((_, id, name)), _) => (id.clone(), name.clone()),
            (None, Some(login)) => self.person(&login),
            (None, None) => ("system".to_owned(), "Yardmaster".to_owned()),
        };
        let (state, class, text) = outcome(deployment, &task_definition);
        let word = state.word();
        let facts = Facts {
            since: deployment.ended_at,
            state,
        };
        let verdict = match &deployment.outcome {
            Outcome::Succeeded => "ECS reported success and the approved digest ran.".to_owned(),
            Outcome::RolledBack { reason, .. } => format!("ECS rolled it back: {reason}"),
        };
        sqlx::query(
            "INSERT INTO deployment (id, slot_id, kind, train_id, image_repository, digest, commit_id, from_digest, requested_by,
                                     requested_by_name, reason, requested_at, state, phase, version, facts, wake_at, ended_at, verdict,
                                     failure_class, failure_text, fence)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1, $15, $16, $16, $17, $18, $19, 0)",
        )
        .bind(&id)
        .bind(&slot.id)
        .bind(kind.as_str())
        .bind(train.map(|(train, ..)| train))
        .bind(&repository)
        .bind(&deployment.digest)
        .bind(&deployment.sha)
        .bind(&deployment.from_digest)
        .bind(by_id)
        .bind(by_name)
        .bind(reason)
        .bind(deployment.started_at)
        .bind(word.as_str())
        .bind(facts.state.phase())
        .bind(facts.encode())
        .bind(deployment.ended_at)
        .bind(verdict)
        .bind(class.map(FailureClass::as_str))
        .bind(&text)
        .execute(self.tx.connection())
        .await?;
        if let Some(text) = text {
            sqlx::query("INSERT INTO boarding_refusal (slot_id, digest, deployment_id, reason, refused_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(&slot.id)
                .bind(&deployment.digest)
                .bind(&id)
                .bind(text)
                .bind(deployment.ended_at)
                .execute(self.tx.connection())
                .await?;
        }
        Ok(())
    }
}

/// How it ended, as the engine would have left it.
fn outcome(
    deployment: &history::Deployment,
    task_definition: &str,
) -> (State, Option<FailureClass>, Option<String>) {
    let following = Following {
        registered: Registered {
            before: Before {
                deployment: String::new(),
                task_definition: String::new(),
                firing: None,
                older: Vec::new(),
                rules: Rules::default(),
            },
            task_definition: task_definition.to_owned(),
        },
        rollout: Rollout {
            deployment: String::new(),
            record: None,
            ran_before: false,
            running: 0,
            desired: 0,
        },
    };
    match &deployment.outcome {
        Outcome::Succeeded => (State::Succeeded { following }, None, None),
        Outcome::RolledBack { class, reason } => {
            let class = class.parse().unwrap_or(FailureClass::Unknown);
            let failure = Failure::of_rollout(format!("ECS rolled it back: {reason}")).classed(class);
            (
                State::RolledBack { following, failure },
                Some(class),
                Some(reason.clone()),
            )
        }
    }
}
