//! Writes the demo's past: what a Yardmaster that has been here for months would have in its database. What runs now,
//! images and commits are not written here: they are synced from the demo's AWS and repositories as in life.

mod deployment;
mod journal;
mod train;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use sim::persona::PERSONAS;
use sim::world::History;
use sim::world::history;

use crate::crypto::Cipher;
use crate::db::{Db, Tx};
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
                 ON CONFLICT DO NOTHING",
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
}
