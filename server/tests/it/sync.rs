//! The sync against the simulated AWS, over the wire.

use std::collections::BTreeMap;

use serde_json::json;
use server::service::{slot, task_definition_content};
use server::sync::{Reader, scopes};
use sim::aws::{AlarmState, Fault};

use crate::support::cloud::{ACCOUNT, COMMIT, Cloud, OTHER, POLICY, REGION, apply, cipher, image};
use crate::support::log::Log;
use crate::support::store::Store;

fn counted(cloud: &Cloud) -> BTreeMap<String, u64> {
    let calls = cloud.aws.calls();
    cloud.aws.reset_calls();
    calls
}

fn calls<const N: usize>(wanted: [(&str, u64); N]) -> BTreeMap<String, u64> {
    wanted
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

async fn one<T>(store: &Store, sql: &'static str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any> + Send + Unpin,
    (T,): for<'r> sqlx::FromRow<'r, sqlx::any::AnyRow>,
{
    sqlx::query_scalar(sql)
        .fetch_one(store.db.read())
        .await
        .expect("a row")
}

#[tokio::test]
async fn a_round_makes_as_many_calls_as_the_formula_says() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        let repositories = ["a", "b", "c"];
        for repository in repositories {
            cloud.push(repository, "main-77aa01c", Some(COMMIT));
        }
        cloud.aws.create_cluster(ACCOUNT, REGION, "other");
        // 23 services in one cluster, 2 in another, each with a task definition of its own.
        for number in 0..25 {
            let name = format!("service-{number}");
            let definition = cloud.define(ACCOUNT, &name, &[("web", "nginx:1")]);
            let cluster = if number < 23 { "staging" } else { "other" };
            cloud.run(ACCOUNT, cluster, &name, &definition, Some(&name));
        }
        let mut small = cloud.config.clone();
        small.aws.accounts.truncate(1);
        let cloud = Cloud {
            aws: cloud.aws,
            config: small,
        };
        let policy = POLICY
            .split("[[environment]]")
            .take(2)
            .collect::<Vec<_>>()
            .join("[[environment]]");
        apply(&store, &policy).await;
        let sync = cloud.sync(&store);

        sync.tick().await.unwrap();
        // M = 2, N = 23 + 2, T = 25, R = 25, K = 3 with one new image each. The 46 tasks of the mapped services, all in
        // one cluster, are listed and described together.
        let cold = calls([
            ("GetCallerIdentity", 1),
            ("ListClusters", 1),
            ("DescribeClusters", 1),
            ("ListTasks", 1),
            ("DescribeTasks", 1),
            ("ListServices", 1 + 1),
            ("DescribeServices", 3 + 1),
            ("DescribeTaskDefinition", 25),
            ("DescribeServiceRevisions", 2),
            ("DescribeRepositories", 1),
            ("DescribeImages", 3),
            ("BatchGetImage", 3),
        ]);
        assert_eq!(counted(&cloud), cold);
        assert_eq!(one::<i64>(&store, "SELECT COUNT(*) FROM slot").await, 23);
        assert_eq!(one::<i64>(&store, "SELECT COUNT(*) FROM task").await, 46);

        sync.tick().await.unwrap();
        assert_eq!(counted(&cloud), BTreeMap::new(), "nothing is due yet");

        let events = store.db.last_seq().await.unwrap();
        cloud.pass(&store, 30);
        sync.tick().await.unwrap();
        let warm = calls([
            ("DescribeServices", 3 + 1),
            ("DescribeRepositories", 1),
            ("DescribeImages", 3),
            ("DescribeAlarms", 1),
        ]);
        assert_eq!(counted(&cloud), warm);
        assert_eq!(
            store.db.last_seq().await.unwrap(),
            events,
            "nothing changed, so nobody is told anything"
        );

        let sync = cloud.sync(&store);
        sync.tick().await.unwrap();
        let again = counted(&cloud);
        assert_eq!(
            again.get("DescribeTaskDefinition"),
            None,
            "what never changes is kept over a restart: {again:?}"
        );
        assert_eq!(again.get("DescribeServiceRevisions"), None, "{again:?}");
        assert_eq!(again.get("BatchGetImage"), None, "{again:?}");
        assert_eq!(again.get("ListTasks"), None, "nothing happened: {again:?}");
    }
}

/// Steady services cost no call; another costs one for what runs, one for what stopped and one to describe both, until
/// it is steady again.
#[tokio::test]
async fn only_tasks_of_services_to_which_something_happens_are_read() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        cloud.with_checkout();
        let definition = cloud.define(ACCOUNT, "catalog", &[("web", "nginx:1")]);
        cloud.run(ACCOUNT, "staging", "catalog", &definition, Some("catalog"));
        apply(&store, POLICY).await;
        let sync = cloud.sync(&store);
        let of_tasks = async |seconds: u64| {
            cloud.pass(&store, seconds);
            let status = sync.tick().await.unwrap();
            assert!(
                status.read.iter().all(|(.., outcome)| outcome.is_ok()),
                "{status}"
            );
            let mut calls = counted(&cloud);
            calls.retain(|name, _| name.ends_with("Tasks"));
            calls
        };
        let first = calls([("ListTasks", 2 + 1), ("DescribeTasks", 2)]);
        assert_eq!(of_tasks(0).await, first, "one by one: there are few");
        assert_eq!(of_tasks(15).await, BTreeMap::new());

        let scaled = json!({ "cluster": "staging", "service": "checkout", "desiredCount": 3 });
        cloud.aws.ecs(ACCOUNT, REGION, "UpdateService", scaled).unwrap();
        let unsteady = calls([("ListTasks", 2), ("DescribeTasks", 1)]);
        assert_eq!(of_tasks(15).await, unsteady);
        assert_eq!(of_tasks(3).await, BTreeMap::new(), "not due");
        assert_eq!(of_tasks(12).await, unsteady, "the third still starts");
        assert_eq!(of_tasks(60).await, unsteady, "it runs");
        assert_eq!(of_tasks(15).await, BTreeMap::new());
        assert_eq!(one::<i64>(&store, "SELECT COUNT(*) FROM task").await, 2 + 2 + 3);
        let healthy: i64 = one(&store, "SELECT COUNT(*) FROM task WHERE status = 'RUNNING'").await;
        assert_eq!(healthy, 2 + 2 + 3);

        cloud.aws.delete_service(ACCOUNT, REGION, "staging", "checkout");
        assert_eq!(of_tasks(15).await, BTreeMap::new());
        let left: i64 = one(&store, "SELECT COUNT(*) FROM task").await;
        assert_eq!(left, 2 + 2, "its tasks went with it");
    }
}

#[tokio::test]
async fn tasks_that_may_not_be_read_hold_up_nothing_else() {
    let store = Store::sqlite().await;
    let cloud = Cloud::start().await;
    cloud.with_checkout();
    apply(&store, POLICY).await;
    cloud.aws.fault("ListTasks", Fault::AccessDenied, 2);
    let sync = cloud.sync(&store);
    let status = sync.tick().await.unwrap().to_string();
    assert!(
        status.contains("not authorized to perform: ecs:ListTasks"),
        "{status}"
    );
    assert!(slot(&store.db, "checkout", "staging").await.unwrap().is_some());
    let problem = async || {
        let states = scopes(&store.db).await.unwrap();
        let state = states
            .iter()
            .find(|(scope, _)| scope.account == ACCOUNT)
            .unwrap()
            .1;
        assert_eq!(state.of(Reader::Ecs).problem, None);
        state.all().problem
    };
    assert!(problem().await.unwrap().starts_with("ECS tasks: AWS refuses"));
    cloud.pass(&store, 15);
    sync.tick().await.unwrap();
    assert_eq!(problem().await, None);
    assert_eq!(one::<i64>(&store, "SELECT COUNT(*) FROM task").await, 4);
}

#[tokio::test]
async fn clusters_are_kept_as_they_come_and_go() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        cloud.with_checkout();
        cloud.aws.create_cluster(ACCOUNT, REGION, "lab");
        apply(
            &store,
            POLICY
                .replace("\"production\"\nsources", "\"prod\"\nsources")
                .as_str(),
        )
        .await;
        let sync = cloud.sync(&store);
        let clusters = async || {
            let rows: Vec<(String, String, i64, i64, Option<i64>)> =
                sqlx::query_as("SELECT name, status, services, running, gone_at FROM cluster ORDER BY name")
                    .fetch_all(store.db.read())
                    .await
                    .unwrap();
            rows
        };
        let row = |name: &str, status: &str, services: i64, running: i64, gone_at: Option<i64>| {
            (name.to_owned(), status.to_owned(), services, running, gone_at)
        };
        sync.tick().await.unwrap();
        let start = store.db.now();
        let prod = row("prod", "MISSING", 0, 0, Some(start));
        let production = row("production", "ACTIVE", 1, 2, None);
        let staging = row("staging", "ACTIVE", 1, 2, None);
        assert_eq!(
            clusters().await,
            [
                row("lab", "ACTIVE", 0, 0, None),
                prod.clone(),
                production.clone(),
                staging.clone()
            ],
            "prod is where policy binds production to"
        );

        cloud.aws.delete_cluster(ACCOUNT, REGION, "lab");
        cloud.aws.create_cluster(OTHER, REGION, "prod");
        cloud.pass(&store, 60);
        sync.tick().await.unwrap();
        let lab = row("lab", "MISSING", 0, 0, Some(start + 60_000));
        let prod = row("prod", "ACTIVE", 0, 0, None);
        assert_eq!(clusters().await, [lab, prod, production, staging]);
    }
}

#[tokio::test]
async fn slots_images_and_baselines_are_what_aws_says() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        let digest = cloud.with_checkout();
        apply(&store, POLICY).await;
        let status = cloud.sync(&store).tick().await.unwrap();
        assert!(
            status.read.iter().all(|(.., outcome)| outcome.is_ok()),
            "{status}"
        );

        for environment in ["staging", "production"] {
            let slot = slot(&store.db, "checkout", environment).await.unwrap().unwrap();
            assert_eq!(slot.running_digest.as_deref(), Some(digest.as_str()));
            assert_eq!(
                (slot.container.as_str(), slot.desired, slot.running),
                ("web", 2, 2)
            );
            assert_eq!(slot.team, "shop");
            assert_eq!(slot.drift, None);
            let arn = slot.running_task_definition.unwrap();
            let content = task_definition_content(&store.db, &cipher(), &arn)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(content["family"], "checkout");
        }
        let kept: String = one(&store, "SELECT content FROM task_definition LIMIT 1").await;
        assert!(
            !kept.contains("containerDefinitions"),
            "environment values must not lie there in the clear"
        );
        let (verified, good): (i64, String) =
            sqlx::query_as("SELECT verified, digest FROM known_good LIMIT 1")
                .fetch_one(store.db.read())
                .await
                .unwrap();
        assert_eq!((verified, &good), (0, &digest));
        let repository = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/acme/checkout");
        let image = server::image::image(&store.db, &repository, &digest)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (image.commit_id.as_deref(), image.branch.as_deref()),
            (Some(COMMIT), Some("main"))
        );
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_named_and_the_other_goes_on() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        cloud.with_checkout();
        apply(&store, POLICY).await;
        let sync = cloud.sync(&store);
        sync.tick().await.unwrap();
        cloud.aws.unreachable(OTHER, true);
        for _ in 0..3 {
            cloud.pass(&store, 30);
            sync.tick().await.unwrap();
        }
        let state = scopes(&store.db).await.unwrap();
        let by = |account: &str| {
            state
                .iter()
                .find(|(scope, _)| scope.account == account)
                .unwrap()
                .1
                .all()
        };
        assert!(by(OTHER).stale);
        assert!(by(OTHER).problem.unwrap().contains("cannot be reached"));
        assert!(!by(ACCOUNT).stale && by(ACCOUNT).problem.is_none());
        let there = slot(&store.db, "checkout", "production").await.unwrap();
        assert!(there.is_some(), "what cannot be read is not gone");

        cloud.aws.unreachable(OTHER, false);
        cloud.pass(&store, 30);
        sync.tick().await.unwrap();
        let state = scopes(&store.db).await.unwrap();
        assert!(
            state
                .values()
                .all(|state| !state.all().stale && state.all().problem.is_none())
        );
    }
}

#[tokio::test]
async fn a_refusal_says_what_aws_said() {
    let store = Store::sqlite().await;
    let mut cloud = Cloud::start().await;
    cloud.with_checkout();
    apply(&store, POLICY).await;
    for account in &mut cloud.config.aws.accounts {
        account.external_id = Some("wrong".to_owned().into());
    }
    cloud.aws.fault("DescribeImages", Fault::AccessDenied, 1);
    let status = cloud.sync(&store).tick().await.unwrap().to_string();
    assert!(
        status.contains("not authorized to perform: sts:AssumeRole"),
        "{status}"
    );
    assert!(
        status.contains("not authorized to perform: ecr:DescribeImages"),
        "{status}"
    );
    assert!(!status.contains("wrong"), "no secret is said: {status}");
    assert!(slot(&store.db, "checkout", "staging").await.unwrap().is_some());
}

#[tokio::test]
async fn credentials_that_ran_out_are_told_once_with_their_account_and_setting_and_the_rest_goes_on() {
    let store = Store::sqlite().await;
    let cloud = Cloud::start().await;
    cloud.with_checkout();
    apply(&store, POLICY).await;
    cloud.aws.fault("AssumeRole", Fault::ExpiredToken, 1_000);
    let (log, _guard) = Log::listen();
    let sync = cloud.sync(&store);
    sync.tick().await.unwrap();
    let state = scopes(&store.db).await.unwrap();
    let problem = |account: &str| {
        let (_, state) = state.iter().find(|(scope, _)| scope.account == account).unwrap();
        state.all().problem
    };
    assert_eq!(problem(ACCOUNT), None);
    let said = problem(OTHER).unwrap();
    for part in [
        "credentials are not accepted",
        "ExpiredToken",
        "read_role of [[aws.account]] 444455556666",
        "the credentials of the environment",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(slot(&store.db, "checkout", "staging").await.unwrap().is_some());
    let warnings = |text: String| {
        text.lines()
            .filter(|line| line.contains("an account cannot be read"))
            .count()
    };
    assert_eq!(warnings(log.take()), 2, "ECS and ECR of one account");
    cloud.pass(&store, 30);
    sync.tick().await.unwrap();
    assert_eq!(warnings(log.take()), 0, "nothing changed");
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_told_with_its_setting() {
    let store = Store::sqlite().await;
    let mut cloud = Cloud::start().await;
    apply(&store, POLICY).await;
    // A port that nobody listens on any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    cloud.config.aws.endpoint_url = Some(url.parse().unwrap());
    let status = cloud.sync(&store).tick().await.unwrap().to_string();
    assert!(
        status.contains(&format!("(look at aws.endpoint_url, {url})")),
        "{status}"
    );
}

#[tokio::test]
async fn what_vanished_is_gone_and_comes_back_as_the_same_slot() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        cloud.with_checkout();
        apply(&store, POLICY).await;
        cloud.sync(&store).tick().await.unwrap();
        let before = slot(&store.db, "checkout", "staging").await.unwrap().unwrap();

        // The same accounts, emptied while the program was not running.
        let emptied = Cloud::start().await;
        let sync = emptied.sync(&store);
        sync.tick().await.unwrap();
        assert_eq!(slot(&store.db, "checkout", "staging").await.unwrap(), None);
        let gone: i64 = one(&store, "SELECT COUNT(*) FROM image WHERE gone_at IS NOT NULL").await;
        assert_eq!(gone, 1);
        let kept = server::service::slot_by_id(&store.db, &before.id).await.unwrap();
        assert_eq!(kept.map(|slot| slot.live), Some(0));

        let definition = emptied.define(ACCOUNT, "checkout", &[("web", "nginx:1")]);
        emptied.run(ACCOUNT, "staging", "checkout-new", &definition, Some("checkout"));
        emptied.pass(&store, 60);
        sync.tick().await.unwrap();
        let after = slot(&store.db, "checkout", "staging").await.unwrap().unwrap();
        assert_eq!(
            (after.id, after.ecs_service.as_str()),
            (before.id, "checkout-new")
        );
    }
}

#[tokio::test]
async fn a_change_outside_yardmaster_is_drift_once_it_has_rolled_out() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        let deployed = cloud.with_checkout();
        apply(&store, POLICY).await;
        let sync = cloud.sync(&store);
        sync.tick().await.unwrap();
        let mut tx = store.db.begin().await.unwrap();
        sqlx::query("UPDATE slot SET deployed_digest = $1, deployed_at = $2 WHERE environment = 'staging'")
            .bind(&deployed)
            .bind(store.db.now())
            .execute(tx.connection())
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let other = cloud.push(
            "acme/checkout",
            "hotfix-88bb02d-20260302-090000",
            Some(&COMMIT.replace("77", "88")),
        );
        let definition = cloud.define(ACCOUNT, "checkout", &[("web", &image("acme/checkout", &other))]);
        let update = json!({ "cluster": "staging", "service": "checkout", "taskDefinition": definition });
        cloud.aws.ecs(ACCOUNT, REGION, "UpdateService", update).unwrap();
        cloud.pass(&store, 15);
        sync.tick().await.unwrap();
        let during = slot(&store.db, "checkout", "staging").await.unwrap().unwrap();
        assert_eq!(
            during.running_digest.as_deref(),
            Some(deployed.as_str()),
            "the old one runs while the new one starts"
        );
        assert_eq!(during.drift, None);

        for _ in 0..20 {
            cloud.pass(&store, 30);
            sync.tick().await.unwrap();
        }
        let after = slot(&store.db, "checkout", "staging").await.unwrap().unwrap();
        assert_eq!(after.running_digest.as_deref(), Some(other.as_str()));
        let drift = after.drift.unwrap();
        assert!(
            drift.contains("hotfix-88") && drift.contains("main-77aa01c"),
            "{drift}"
        );
        let production = slot(&store.db, "checkout", "production").await.unwrap().unwrap();
        assert_eq!(production.drift, None);
    }
}

#[tokio::test]
async fn alarms_that_policy_names_are_kept() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        cloud.with_checkout();
        cloud
            .aws
            .put_alarm(ACCOUNT, REGION, "checkout-errors", AlarmState::Ok);
        cloud
            .aws
            .put_alarm(ACCOUNT, REGION, "unrelated", AlarmState::Alarm);
        apply(&store, POLICY).await;
        let sync = cloud.sync(&store);
        for state in [AlarmState::Ok, AlarmState::Alarm] {
            cloud.aws.put_alarm(ACCOUNT, REGION, "checkout-errors", state);
            cloud.pass(&store, 30);
            sync.tick().await.unwrap();
            cloud.pass(&store, 30);
            sync.tick().await.unwrap();
            let alarms: Vec<(String, String)> = sqlx::query_as("SELECT name, state FROM alarm")
                .fetch_all(store.db.read())
                .await
                .unwrap();
            let word = if state == AlarmState::Ok { "OK" } else { "ALARM" };
            assert_eq!(alarms, [("checkout-errors".to_owned(), word.to_owned())]);
        }
    }
}

#[tokio::test]
async fn a_short_commit_in_a_tag_is_resolved_once_the_commit_is_known() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        cloud.push("acme/checkout", "develop-77aa01c-20260301-120000", None);
        apply(&store, POLICY).await;
        let sync = cloud.sync(&store);
        sync.tick().await.unwrap();
        let commit: Option<String> = one(&store, "SELECT commit_id FROM image").await;
        assert_eq!(commit, None);
        let mut tx = store.db.begin().await.unwrap();
        sqlx::query("INSERT INTO repository (id, name, forge, clone_url, default_branch, wanted_at) VALUES ('rep_1', 'acme/checkout', 'github', 'x', 'main', 0)")
            .execute(tx.connection())
            .await
            .unwrap();
        sqlx::query("INSERT INTO git_commit (repository_id, id, parents, author_name, author_email, committer_name, committer_email, co_authors, subject, committed_at) VALUES ('rep_1', $1, '[]', 'A', 'a@x', 'A', 'a@x', '[]', 'Fix', 0)")
            .bind(COMMIT)
            .execute(tx.connection())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        cloud.pass(&store, 30);
        sync.tick().await.unwrap();
        let commit: Option<String> = one(&store, "SELECT commit_id FROM image").await;
        assert_eq!(commit.as_deref(), Some(COMMIT));
    }
}
