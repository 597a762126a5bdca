//! A small world for trains: real Git history in a mirror, builds, images and slots put straight into the store, and
//! deployments that end as a test says. No AWS.

use std::path::{Path, PathBuf};
use std::process::Command;

use app::account::{Actor, Role};
use app::train::{TrainPort, TrainView};
use secrecy::SecretString;
use server::auth::system;
use server::crypto::{Cipher, canonical_json, sha256_hex};
use server::git::Mirrors;
use server::policy;
use server::train::Trains;

use super::store::{Store, of_team, somebody};

pub const REPOSITORY: &str = "acme/checkout";
pub const IMAGES: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme";

pub const POLICY: &str = r#"
[[environment]]
name = "development"
account = "111122223333"
region = "eu-west-1"
cluster = "development"
sources = ["feature/*", "bugfix/*"]
automatic = true
no_regress = false

[[environment]]
name = "staging"
account = "111122223333"
region = "eu-west-1"
cluster = "staging"
sources = ["develop", "main"]
automatic = true
soak_seconds = 600
required_stages = ["unit tests"]

[[environment]]
name = "production"
account = "111122223333"
region = "eu-west-1"
cluster = "production"
sources = ["arrived:staging"]
express = ["hotfix/*"]
only_branches = ["main", "hotfix/*"]
protected = true
required_stages = ["unit tests", "security scan"]
express_stages = ["unit tests"]
alarms = ["{service}-errors"]
approvals = { count = 1, roles = ["senior", "lead"] }

[groups]
seniors = ["senior"]
leads = ["lead"]
devops = ["devops"]
"#;

pub struct World {
    pub store: Store,
    pub trains: Trains,
    pub mirrors: Mirrors,
    pub cipher: Cipher,
    folder: tempfile::TempDir,
}

/// Who writes a commit.
pub struct Hand<'a> {
    pub author: &'a str,
    pub committer: &'a str,
    pub message: &'a str,
}

impl<'a> Hand<'a> {
    pub fn of(name: &'a str) -> Self {
        Self {
            author: name,
            committer: name,
            message: "Change something",
        }
    }
}

impl World {
    /// On both databases.
    pub async fn each() -> Vec<Self> {
        let mut worlds = Vec::new();
        for store in Store::each().await {
            worlds.push(Self::on(store, POLICY).await);
        }
        worlds
    }

    pub async fn on(store: Store, policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cipher = Cipher::new(&SecretString::from("a key for tests, long enough"));
        let mirrors = Mirrors::new(store.db.clone(), folder.path().join("mirrors"));
        let trains = Trains::new(store.db.clone(), mirrors.clone(), cipher.clone());
        policy::apply(&store.db, &system(), policy).await.unwrap();
        let world = Self {
            store,
            trains,
            mirrors,
            cipher,
            folder,
        };
        world.fresh().await;
        world
            .sql(
                "INSERT INTO alarm (account, region, name, state, seen_at)
                 VALUES ('111122223333', 'eu-west-1', 'checkout-errors', 'OK', 0)",
            )
            .await;
        world.repository().await;
        world
    }

    pub async fn sql(&self, text: &str) {
        let mut tx = self.store.db.begin().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(text.to_owned()))
            .execute(tx.connection())
            .await
            .unwrap_or_else(|cause| panic!("{text}: {cause}"));
        tx.commit().await.unwrap();
    }

    pub async fn number(&self, text: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_owned()))
            .fetch_one(self.store.db.read())
            .await
            .unwrap()
    }

    /// Every source was read just now, and found what was there before.
    pub async fn fresh(&self) {
        let now = self.store.db.now();
        self.sql(&format!("UPDATE slot SET seen_at = {now}")).await;
        for reader in ["ecs", "ecr", "alarms"] {
            self.sql(&format!(
                "INSERT INTO scope (account, region, reader, read_at, missed)
                 VALUES ('111122223333', 'eu-west-1', '{reader}', {now}, 0)
                 ON CONFLICT (account, region, reader) DO UPDATE SET read_at = {now}, missed = 0"
            ))
            .await;
        }
    }

    /// Lets time pass, with every source read again.
    pub async fn pass(&self, seconds: i64) {
        self.store.clock.advance(seconds * 1_000);
        self.fresh().await;
    }

    pub async fn tick(&self) {
        let status = self.trains.tick().await.unwrap();
        assert!(status.problems.is_empty(), "{status}");
    }

    // Git ------------------------------------------------------------------------------------------------------

    fn mirror(&self) -> PathBuf {
        self.folder.path().join(format!("mirrors/{REPOSITORY}.git"))
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    async fn repository(&self) {
        std::fs::create_dir_all(self.mirror()).unwrap();
        git(
            &self.mirror(),
            &["init", "--quiet", "--bare", "--initial-branch=main"],
            &[],
        );
        git(
            self.folder.path(),
            &["init", "--quiet", "--initial-branch=main", "work"],
            &[],
        );
        let mirror = self.mirror().display().to_string();
        git(&self.work(), &["remote", "add", "origin", &mirror], &[]);
        self.sql(&format!(
            "INSERT INTO repository (id, name, forge, clone_url, default_branch, wanted_at)
             VALUES ('rep_1', '{REPOSITORY}', 'github', '', 'main', 0)"
        ))
        .await;
        self.commit("main", &Hand::of("ada"));
    }

    /// Commits on a branch, which is made from where `main` stands.
    pub fn commit(&self, branch: &str, hand: &Hand<'_>) -> String {
        let work = self.work();
        if !git_says(
            &work,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                &format!("refs/heads/{branch}"),
            ],
        ) {
            git(&work, &["checkout", "--quiet", "-B", branch], &[]);
        } else {
            git(&work, &["checkout", "--quiet", branch], &[]);
        }
        let date = format!("{} +0000", self.store.db.now() / 1_000);
        let (author, committer) = (
            format!("{}@acme.example", hand.author),
            format!("{}@acme.example", hand.committer),
        );
        git(
            &work,
            &["commit", "--quiet", "--allow-empty", "-m", hand.message],
            &[
                ("GIT_AUTHOR_NAME", hand.author),
                ("GIT_AUTHOR_EMAIL", &author),
                ("GIT_COMMITTER_NAME", hand.committer),
                ("GIT_COMMITTER_EMAIL", &committer),
                ("GIT_AUTHOR_DATE", &date),
                ("GIT_COMMITTER_DATE", &date),
            ],
        );
        git(&work, &["push", "--quiet", "origin", branch], &[]);
        let head = git(&work, &["rev-parse", "HEAD"], &[]);
        git(&work, &["checkout", "--quiet", "main"], &[]);
        head
    }

    // Builds, images, slots ------------------------------------------------------------------------------------

    /// A build that succeeded, with its image; answers the digest.
    pub async fn built(&self, branch: &str, commit: &str, actor: &str) -> String {
        self.build(branch, commit, actor, Some(true)).await;
        let digest = format!("sha256:{}", sha256_hex(commit.as_bytes()));
        let now = self.store.db.now();
        self.sql(&format!(
            "INSERT INTO image (id, repository, digest, tags, commit_id, branch, pushed_at, archived, seen_at)
             VALUES ('img_{commit}', '{IMAGES}/checkout', '{digest}', '[]', '{commit}', '{branch}', {now}, 0, {now})"
        ))
        .await;
        self.store.clock.advance(1_000);
        digest
    }

    pub async fn build(&self, branch: &str, commit: &str, actor: &str, counts: Option<bool>) {
        let now = self.store.db.now();
        let id = self.store.db.id("bld");
        let counts = counts.map_or("NULL".to_owned(), |counts| i64::from(counts).to_string());
        self.sql(&format!(
            "INSERT INTO build (id, repository_id, external_id, attempt, number, workflow, event, branch, commit_id,
                 head_repository, actor_login, status, rank, created_at, updated_at, counts, counts_why)
             VALUES ('{id}', 'rep_1', '{id}', 1, 1, 'ci', 'push', '{branch}', '{commit}', '{REPOSITORY}', '{actor}',
                 'succeeded', 9, {now}, {now}, {counts}, 'a test says so')"
        ))
        .await;
        for stage in ["unit tests", "security scan"] {
            self.sql(&format!(
                "INSERT INTO build_stage (build_id, external_id, attempt, name, status, rank)
                 VALUES ('{id}', '{stage}', 1, '{stage}', 'succeeded', 9)"
            ))
            .await;
        }
    }

    /// The slot of the service in an environment, running an image of a commit.
    pub async fn slot(&self, environment: &str, runs: &str) -> String {
        let now = self.store.db.now();
        let exists = self.number("SELECT COUNT(*) FROM service").await;
        if exists == 0 {
            self.sql(&format!(
                "INSERT INTO service (id, name, team, repository, image_repository)
                 VALUES ('svc_1', 'checkout', 'shop', '{REPOSITORY}', '{IMAGES}/checkout')"
            ))
            .await;
        }
        let slot = format!("slt_{environment}");
        let arn = format!("arn:aws:ecs:eu-west-1:111122223333:service/{environment}/checkout");
        self.sql(&format!(
            "INSERT INTO ecs_service (arn, account, region, cluster_arn, cluster, name, status, controller,
                 task_definition, desired, running, pending, document, slot_id, containers, seen_at)
             VALUES ('{arn}', '111122223333', 'eu-west-1', 'c', '{environment}', 'checkout', 'ACTIVE', 'ECS', 't',
                 2, 2, 0, '{{}}', '{slot}', '[]', {now})"
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO slot (id, service_id, environment, ecs_service_arn, container, seen_at)
             VALUES ('{slot}', 'svc_1', '{environment}', '{arn}', 'app', {now})"
        ))
        .await;
        self.runs(&slot, runs).await;
        slot
    }

    /// ECS was read, and a slot runs a digest now, with a task definition of its own.
    pub async fn runs(&self, slot: &str, digest: &str) {
        let short: String = digest.chars().rev().take(8).collect();
        let arn = format!("arn:aws:ecs:eu-west-1:111122223333:task-definition/{slot}-{short}:1");
        let content = serde_json::json!({
            "family": slot,
            "containerDefinitions": [{"name": "app", "image": format!("{IMAGES}/checkout@{digest}"), "essential": true}],
        });
        let plain = canonical_json(&content);
        let sealed = self.cipher.seal(
            &self.store.db.context.ids,
            &format!("task_definition/{arn}"),
            &plain,
        );
        let hash = sha256_hex(plain.as_bytes());
        self.sql(&format!(
            "INSERT INTO task_definition (arn, family, revision, content, content_sha256, images, seen_at)
             VALUES ('{arn}', '{slot}', 1, '{sealed}', '{hash}', '[[\"app\",\"x\"]]', 0) ON CONFLICT DO NOTHING"
        ))
        .await;
        let now = self.store.db.now();
        self.sql(&format!(
            "UPDATE slot SET running_digest = '{digest}', running_task_definition = '{arn}', running_since = {now},
                 seen_at = {now}
             WHERE id = '{slot}'"
        ))
        .await;
    }

    /// Ends the deployment under way in a slot, and reads ECS after it.
    pub async fn ends(&self, slot: &str, state: &str) {
        let digest = self.rests(slot, state).await;
        self.store.clock.advance(1_000);
        if state == "succeeded" {
            self.runs(slot, &digest).await;
        } else {
            let now = self.store.db.now();
            self.sql(&format!("UPDATE slot SET seen_at = {now} WHERE id = '{slot}'"))
                .await;
        }
    }

    /// Ends the deployment under way in a slot as the engine does: what runs is read later. Answers the image.
    pub async fn rests(&self, slot: &str, state: &str) -> String {
        let now = self.store.db.now();
        let (digest, id): (String, String) =
            sqlx::query_as("SELECT digest, id FROM deployment WHERE slot_id = $1 AND ended_at IS NULL")
                .bind(slot)
                .fetch_one(self.store.db.read())
                .await
                .expect("a deployment is under way");
        self.sql(&format!(
            "UPDATE deployment SET state = '{state}', ended_at = {now}, verdict = 'as the test says' WHERE id = '{id}'"
        ))
        .await;
        if state == "succeeded" {
            self.sql(&format!(
                "UPDATE slot SET deployed_digest = '{digest}', deployed_at = {now} WHERE id = '{slot}'"
            ))
            .await;
        } else {
            self.sql(&format!(
                "INSERT INTO boarding_refusal (slot_id, digest, deployment_id, reason, refused_at)
                 VALUES ('{slot}', '{digest}', '{id}', 'it failed', {now})"
            ))
            .await;
        }
        digest
    }

    // People ---------------------------------------------------------------------------------------------------

    /// Somebody who has logged in; their address is `<name>@acme.example` and their login is mapped.
    pub async fn person(&self, name: &str, group: &str) -> Actor {
        self.sql(&format!(
            "INSERT INTO person (id, issuer, subject, name, email, email_verified, groups_json, session_epoch,
                 created_at, seen_at)
             VALUES ('usr_{name}', 'https://id.example', '{name}', '{name}', '{name}@acme.example', 1,
                 '[\"{group}\"]', 0, 0, 0)"
        ))
        .await;
        self.maps(&format!("github:{name}"), name).await;
        somebody(
            name,
            match group {
                "seniors" => Role::Senior,
                "leads" => Role::Lead,
                _ => Role::Devops,
            },
        )
    }

    /// A lead for one team's services, by a grant of their own.
    pub async fn lead_of(&self, name: &str, team: &str) -> Actor {
        self.person(name, "none").await;
        let lead = of_team(name, Role::Lead, team);
        server::account::grant(&self.store.db, &server::auth::system(), &lead.id, &lead.grants[0])
            .await
            .expect("grants");
        lead
    }

    pub async fn maps(&self, identity: &str, name: &str) {
        self.sql(&format!(
            "INSERT INTO person_identity (identity, person_id, mapped_by, mapped_at)
             VALUES ('{identity}', 'usr_{name}', 'test', 0)"
        ))
        .await;
    }

    // Trains ---------------------------------------------------------------------------------------------------

    pub async fn train(&self, environment: &str, number: i64) -> TrainView {
        self.trains
            .train(&somebody("viewer", Role::Viewer), environment, number)
            .await
            .unwrap()
    }

    /// Numbers and states of an environment's trains.
    pub async fn states(&self, environment: &str) -> Vec<(i64, String)> {
        sqlx::query_as("SELECT number, state FROM train WHERE environment = $1 ORDER BY number")
            .bind(environment)
            .fetch_all(self.store.db.read())
            .await
            .unwrap()
    }
}

fn git(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = command(folder, arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn git_says(folder: &Path, arguments: &[&str]) -> bool {
    command(folder, arguments).output().unwrap().status.success()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    command
}
