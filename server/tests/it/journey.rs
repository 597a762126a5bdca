//! Trains and the engine together over the simulated AWS, with the program's own sync between them: what each believes
//! of the other in the moments in which one has acted and the other has not looked yet.

use std::sync::Arc;

use app::account::{Actor, Role};
use app::deployment::{DeploymentPort, DeploymentState};
use app::train::{TrainPort, TrainState, TrainView};
use async_trait::async_trait;
use server::deployment::Deployments;
use server::git::Commit;
use server::train::{History, Trains};
use sim::aws::ServiceSpec;

use crate::support::cloud::{ACCOUNT, COMMIT, REGION, cipher};
use crate::support::rollout::{OTHER_COMMIT, Rollout, ada};
use crate::support::store::{Store, somebody};

const THIRD_COMMIT: &str = "99cc03e000000000000000000000000000000003";

/// One line with one service.
fn policy(more: &str) -> String {
    format!(
        r#"
[[environment]]
name = "staging"
account = "{ACCOUNT}"
region = "{REGION}"
cluster = "staging"
sources = ["main"]
{more}

[[service]]
name = "checkout"
team = "shop"
repository = "acme/checkout"
image_repository = "{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/acme/checkout"

[groups]
seniors = ["senior"]
leads = ["lead"]
"#
    )
}

/// One commit after the other on `main`, all by zoe; more between two of them than anybody lists.
struct Straight;

/// Commits between two of them.
const BETWEEN: usize = 340;

fn place(commit: &str) -> Option<usize> {
    [COMMIT, OTHER_COMMIT, THIRD_COMMIT]
        .iter()
        .position(|one| *one == commit)
}

#[async_trait]
impl History for Straight {
    async fn is_ancestor(&self, _: &str, ancestor: &str, descendant: &str) -> anyhow::Result<Option<bool>> {
        Ok(place(ancestor)
            .zip(place(descendant))
            .map(|(one, other)| one <= other))
    }

    async fn branches_containing(&self, _: &str, _: &str) -> anyhow::Result<Vec<String>> {
        Ok(vec!["main".to_owned()])
    }

    async fn commits_between(
        &self,
        _: &str,
        _: Option<&str>,
        to: &str,
        limit: usize,
    ) -> anyhow::Result<Option<Vec<Commit>>> {
        let (name, email) = ("zoe".to_owned(), "zoe@acme.example".to_owned());
        let commit = Commit {
            id: to.to_owned(),
            parents: Vec::new(),
            author_name: name.clone(),
            author_email: email.clone(),
            committer_name: name,
            committer_email: email,
            co_authors: Vec::new(),
            subject: "Change something".to_owned(),
            committed_at: 0,
        };
        Ok(Some(vec![commit; limit.min(BETWEEN)]))
    }

    async fn count_between(&self, _: &str, _: &str, _: &str) -> anyhow::Result<Option<u64>> {
        Ok(Some(u64::try_from(BETWEEN)?))
    }
}

struct Journey {
    rollout: Rollout,
    trains: Trains,
    engine: Deployments,
    third: String,
}

impl Journey {
    async fn new(store: Store, more: &str) -> Self {
        let mut rollout = Rollout::with(store, &policy(more), ServiceSpec::default()).await;
        let third = rollout.cloud.push(
            "acme/checkout",
            "main-99cc03e-20260302-093000",
            Some(THIRD_COMMIT),
        );
        rollout.sync().await;
        let trains = Trains::new(rollout.store.db.clone(), Straight, cipher());
        let held = Arc::new(trains.clone());
        let engine = rollout.engine.clone().with_check(held.clone()).with_reopen(held);
        let journey = Self {
            rollout,
            trains,
            engine,
            third,
        };
        journey
            .sql(
                "INSERT INTO repository (id, name, forge, clone_url, default_branch, wanted_at)
                 VALUES ('rep_1', 'acme/checkout', 'github', '', 'main', 0)",
            )
            .await;
        for (name, group) in [("lin", "leads"), ("sam", "seniors"), ("zoe", "seniors")] {
            journey
                .sql(&format!(
                    "INSERT INTO person (id, issuer, subject, name, email, email_verified, groups_json, session_epoch,
                         created_at, seen_at)
                     VALUES ('usr_{name}', 'https://id.example', '{name}', '{name}', '{name}@acme.example', 1,
                         '[\"{group}\"]', 0, 0, 0)"
                ))
                .await;
        }
        journey
    }

    async fn sql(&self, text: &str) {
        let mut tx = self.rollout.store.db.begin().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(text.to_owned()))
            .execute(tx.connection())
            .await
            .unwrap_or_else(|cause| panic!("{text}: {cause}"));
        tx.commit().await.unwrap();
    }

    /// The CI reports a build of a commit.
    async fn built(&self, commit: &str) {
        let now = self.rollout.store.db.now();
        self.sql(&format!(
            "INSERT INTO build (id, repository_id, external_id, attempt, number, workflow, event, branch, commit_id,
                 head_repository, status, rank, created_at, updated_at, counts)
             VALUES ('bld_{commit}', 'rep_1', '{commit}', 1, 1, 'ci', 'push', 'main', '{commit}', 'acme/checkout',
                 'succeeded', 9, {now}, {now}, 1)"
        ))
        .await;
    }

    async fn tick(&self) {
        let status = self.trains.tick().await.unwrap();
        assert!(status.problems.is_empty(), "{status}");
    }

    /// The engine and the trains go on, and nobody reads ECS, until a train is at its end.
    async fn until_the_end_of(&self, number: i64) -> TrainView {
        for _ in 0..200 {
            let status = self.engine.tick().await.unwrap();
            assert!(status.problems.is_empty(), "{status}");
            self.tick().await;
            let train = self.train(number).await;
            if train.state.is_end() {
                return train;
            }
            self.rollout.cloud.pass(&self.rollout.store, 1);
        }
        panic!("not at its end: {:#?}", self.train(number).await);
    }

    async fn train(&self, number: i64) -> TrainView {
        let viewer = somebody("vera", Role::Viewer);
        self.trains.train(&viewer, "staging", number).await.unwrap()
    }

    async fn states(&self) -> Vec<(i64, String)> {
        sqlx::query_as("SELECT number, state FROM train ORDER BY number")
            .fetch_all(self.rollout.store.db.read())
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn one_image_is_one_train_also_before_ecs_is_read_again() {
    for store in Store::each().await {
        let mut journey = Journey::new(store, "automatic = true").await;
        journey.built(OTHER_COMMIT).await;
        journey.tick().await;
        assert_eq!(journey.until_the_end_of(1).await.state, TrainState::Arrived);
        for _ in 0..5 {
            journey.rollout.cloud.pass(&journey.rollout.store, 1);
            journey.tick().await;
        }
        assert_eq!(journey.states().await, [(1, "arrived".to_owned())]);
        // The next one boards, waits until ECS was read, and arrives.
        journey.built(THIRD_COMMIT).await;
        journey.tick().await;
        assert_eq!(journey.train(2).await.state, TrainState::Boarding);
        journey.rollout.sync().await;
        journey.tick().await;
        assert_eq!(
            journey.until_the_end_of(2).await.state,
            TrainState::Arrived,
            "{:?}",
            journey.states().await
        );
        assert!(journey.rollout.told().ends_with(&journey.third));
        assert_eq!(journey.rollout.effects().updated, 2);
    }
}

#[tokio::test]
async fn a_rollback_right_after_a_deployment_leaves_behind_what_was_deployed() {
    for store in Store::each().await {
        let journey = Journey::new(store, "automatic = true").await;
        let (first, second) = (&journey.rollout.first, &journey.rollout.second);
        journey.built(OTHER_COMMIT).await;
        journey.tick().await;
        assert_eq!(journey.until_the_end_of(1).await.state, TrainState::Arrived);
        let plan = journey.engine.rollback_plan(&ada(), "checkout", "staging").await;
        let plan = plan.unwrap();
        assert_eq!(plan.now_runs.map(|image| image.digest).as_ref(), Some(second));
        let targets: Vec<_> = plan
            .targets
            .iter()
            .map(|target| (&target.image.digest, target.why_not.as_deref()))
            .collect();
        assert_eq!(targets, [(second, Some("It runs now.")), (first, None)]);
        journey
            .engine
            .roll_back(&ada(), "checkout", "staging", first, "errors at the till")
            .await
            .unwrap();
        let blamed: Vec<String> = sqlx::query_scalar("SELECT digest FROM boarding_refusal")
            .fetch_all(journey.rollout.store.db.read())
            .await
            .unwrap();
        assert_eq!(&blamed, std::slice::from_ref(second));
    }
}

/// A line on which people let trains go that somebody else approved.
const ASKED: &str = "approvals = { count = 1, roles = [\"senior\"] }";

impl Journey {
    /// Train 1, with the third image, sealed by lin and approved by sam.
    async fn approved(&self) -> (TrainView, Actor, String) {
        self.built(THIRD_COMMIT).await;
        self.tick().await;
        let lin = somebody("lin", Role::Lead);
        let train = self.train(1).await;
        self.trains.seal(&lin, &train.id, 1).await.unwrap();
        let train = self.train(1).await;
        let manifest = train.manifest.clone().unwrap();
        let sam = somebody("sam", Role::Senior);
        self.trains
            .approve(&sam, &train.id, &manifest, None)
            .await
            .unwrap();
        (train, lin, manifest)
    }
}

#[tokio::test]
async fn what_is_taken_back_between_departure_and_the_first_call_changes_nothing() {
    for (taken_back, said) in [
        (
            "UPDATE approval SET void_at = 1, void_why = 'taken back'",
            "0 of 1 approvals",
        ),
        (
            "UPDATE person SET groups_json = '[]' WHERE id = 'usr_sam'",
            "0 of 1 approvals",
        ),
        (
            "INSERT INTO person_identity (identity, person_id, mapped_by, mapped_at)
             VALUES ('email:zoe@acme.example', 'usr_sam', 'usr_lin', 1)",
            "0 of 1 approvals",
        ),
        (
            "UPDATE train SET held_by = 'lin', held_why = 'wait'",
            "lin holds staging #1",
        ),
        (
            "UPDATE slot SET container = 'sidecar'",
            "mapped to something else",
        ),
    ] {
        let journey = Journey::new(Store::sqlite().await, ASKED).await;
        let (train, lin, manifest) = journey.approved().await;
        journey.trains.depart(&lin, &train.id, &manifest).await.unwrap();
        journey.tick().await;
        journey.sql(taken_back).await;
        let ended = journey.until_the_end_of(1).await;
        assert_eq!(ended.state, TrainState::Failed, "{taken_back}");
        let deployment = ended.cars[0].deployment.as_ref().unwrap();
        let view = journey.engine.deployment(&ada(), deployment).await.unwrap();
        assert_eq!(view.state, DeploymentState::FailedUnchanged, "{taken_back}");
        assert!(view.verdict.contains(said), "{taken_back}: {}", view.verdict);
        let effects = journey.rollout.effects();
        assert_eq!((effects.registered, effects.updated), (0, 0), "{taken_back}");
    }
}

#[tokio::test]
async fn what_nobody_took_back_arrives_with_its_consent() {
    for store in Store::each().await {
        let journey = Journey::new(store, ASKED).await;
        let (train, lin, manifest) = journey.approved().await;
        let car = &train.cars[0];
        let shown = car.commits.as_ref().map(Vec::len);
        assert_eq!((shown, car.commit_count), (Some(100), 340));
        journey.trains.depart(&lin, &train.id, &manifest).await.unwrap();
        journey.tick().await;
        assert_eq!(journey.until_the_end_of(1).await.state, TrainState::Arrived);
        assert!(journey.rollout.told().ends_with(&journey.third));
    }
}

#[tokio::test]
async fn a_rollback_by_hand_reopens_the_sealed_train() {
    for store in Store::each().await {
        let mut journey = Journey::new(store, ASKED).await;
        let id = journey.rollout.ask(&journey.rollout.second).await.unwrap();
        let view = journey.rollout.rest(&id, 300).await;
        assert_eq!(view.state, DeploymentState::Succeeded);
        journey.rollout.sync().await;
        let (train, lin, manifest) = journey.approved().await;
        journey
            .engine
            .roll_back(&ada(), "checkout", "staging", &journey.rollout.first, "errors")
            .await
            .unwrap();
        let reopened = journey.train(1).await;
        assert_eq!((reopened.state, reopened.revision), (TrainState::Boarding, 2));
        let void = reopened.approvals[0].void.as_deref().unwrap();
        assert!(void.contains("errors"), "{void}");
        let late = journey.trains.depart(&lin, &train.id, &manifest).await;
        assert!(late.is_err());
    }
}
