//! Builds: merged whatever the order of news, counted only where the mirror proves it, and shown.

use app::account::Role;
use app::build::{BuildFilter, BuildPort, BuildStatus};
use app::error::ApiError;
use serde_json::{Value, json};
use server::build::merge::{self, JobNews, RunNews};
use server::build::{Builds, store};
use server::db::Db;
use server::git::Mirrors;
use server::git::store::{Told, know};

use crate::support::repository::Repository;
use crate::support::store::{Store, somebody};
use crate::support::webhook::{Door, job, push, run};

const CHECKOUT: &str = "https://github.com/acme/checkout.git";

enum Tiding {
    Run(RunNews),
    Job(JobNews),
}

fn told(external_id: &str, attempt: i64, status: BuildStatus, updated_at: i64) -> Tiding {
    let ended = !matches!(status, BuildStatus::Queued | BuildStatus::Running);
    Tiding::Run(RunNews {
        external_id: external_id.to_owned(),
        attempt,
        number: 7,
        workflow: "ci".to_owned(),
        event: "push".to_owned(),
        branch: "main".to_owned(),
        commit_id: "a".repeat(40),
        head_repository: "acme/checkout".to_owned(),
        actor_login: Some("ada".to_owned()),
        status,
        url: None,
        created_at: 100,
        started_at: Some(200 * attempt),
        ended_at: ended.then_some(updated_at),
        updated_at,
    })
}

fn stage(run: &str, id: &str, attempt: i64, status: BuildStatus, created_at: i64) -> Tiding {
    let ended = !matches!(status, BuildStatus::Queued | BuildStatus::Running);
    Tiding::Job(JobNews {
        external_id: id.to_owned(),
        run_external_id: run.to_owned(),
        attempt,
        name: "unit tests".to_owned(),
        status,
        started_at: Some(created_at + 5),
        ended_at: ended.then_some(created_at + 50),
        created_at,
        workflow: if attempt > 1 {
            "ci".to_owned()
        } else {
            String::new()
        },
        branch: "main".to_owned(),
        commit_id: "a".repeat(40),
    })
}

/// Every order of so many things.
pub fn permutations(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    permutations(length - 1)
        .into_iter()
        .flat_map(|shorter| {
            (0..length).map(move |place| {
                let mut longer = shorter.clone();
                longer.insert(place, length - 1);
                longer
            })
        })
        .collect()
}

/// Everything known about the build of a run but its own id, and its stages.
async fn known(db: &Db, external_id: &str) -> (store::Build, Vec<store::Stage>) {
    let id: String = sqlx::query_scalar("SELECT id FROM build WHERE external_id = $1")
        .bind(external_id)
        .fetch_one(db.read())
        .await
        .unwrap();
    let mut build = store::build(db, &id).await.unwrap().unwrap();
    build.id = String::new();
    (build, store::stages(db, &id).await.unwrap())
}

#[tokio::test]
async fn any_order_of_news_and_any_repetition_ends_in_the_same_build() {
    let scripts: [fn(&str) -> Vec<Tiding>; 3] = [
        // Failed, tried again, and the second try is under way.
        |run| {
            vec![
                told(run, 1, BuildStatus::Queued, 110),
                told(run, 1, BuildStatus::Failed, 400),
                stage(run, "j1", 1, BuildStatus::Failed, 150),
                told(run, 2, BuildStatus::Running, 520),
                stage(run, "j2", 2, BuildStatus::Running, 510),
                stage(run, "j2", 2, BuildStatus::Queued, 510),
            ]
        },
        // A second try that only its job has told of so far.
        |run| {
            vec![
                told(run, 1, BuildStatus::Running, 210),
                told(run, 1, BuildStatus::Succeeded, 400),
                stage(run, "j1", 1, BuildStatus::Succeeded, 150),
                stage(run, "j2", 2, BuildStatus::Queued, 510),
                stage(run, "j3", 2, BuildStatus::Queued, 505),
            ]
        },
        // Two contrary ends of the same instant, and jobs without a run that says what it is.
        |run| {
            vec![
                told(run, 1, BuildStatus::Succeeded, 400),
                told(run, 1, BuildStatus::Failed, 400),
                told(run, 1, BuildStatus::Running, 410),
                stage(run, "j1", 1, BuildStatus::Succeeded, 150),
                stage(run, "j2", 1, BuildStatus::Failed, 140),
            ]
        },
    ];
    let endings = [
        (2, BuildStatus::Running, Some(BuildStatus::Running)),
        (2, BuildStatus::Queued, Some(BuildStatus::Queued)),
        (1, BuildStatus::Failed, None),
    ];
    for store in Store::each().await {
        for (number, (script, ending)) in scripts.iter().zip(endings).enumerate() {
            let mut expected = None;
            let mut tx = store.db.begin().await.unwrap();
            let repository = Told {
                name: "acme/checkout",
                forge: "github",
                clone_url: Ok(CHECKOUT),
                default_branch: None,
                configured: false,
            };
            let repository_id = know(&mut tx, &repository).await.unwrap();
            let orders = permutations(script("").len());
            for (round, order) in orders.iter().enumerate() {
                let run = format!("{number}-{round}");
                let tidings = script(&run);
                // Each once in this order, then the first again: a replay.
                for place in order.iter().chain(order.first()) {
                    match &tidings[*place] {
                        Tiding::Run(news) => merge::run(&mut tx, (&repository_id, "acme/checkout"), news)
                            .await
                            .unwrap(),
                        Tiding::Job(news) => merge::job(&mut tx, &repository_id, news).await.unwrap(),
                    };
                }
            }
            tx.commit().await.unwrap();
            for (round, order) in orders.iter().enumerate() {
                let end = known(&store.db, &format!("{number}-{round}")).await;
                let expected = expected.get_or_insert_with(|| end.clone());
                assert_eq!(&end, expected, "script {number}, order {order:?}");
            }
            let (build, stages) = expected.unwrap();
            assert_eq!(
                (build.attempt, build.status),
                (ending.0, ending.1),
                "script {number}"
            );
            assert_eq!(
                (build.number, build.workflow.as_str(), build.created_at),
                (7, "ci", 100)
            );
            if let Some(status) = ending.2 {
                assert!(stages.iter().all(|stage| stage.status == status), "{stages:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_replayed_success_does_not_beat_a_newer_failure() {
    for store in Store::each().await {
        let door = Door::open(&store.db);
        let commit = "a".repeat(40);
        door.tell(
            "1",
            "workflow_run",
            &run(CHECKOUT, 9, "main", &commit, "success", 5),
        )
        .await;
        let mut second = run(CHECKOUT, 9, "main", &commit, "failure", 9);
        second["workflow_run"]["run_attempt"] = json!(2);
        door.tell("2", "workflow_run", &second).await;
        door.tell(
            "3",
            "workflow_run",
            &run(CHECKOUT, 9, "main", &commit, "success", 50),
        )
        .await;
        let (build, _) = known(&store.db, "9").await;
        assert_eq!((build.attempt, build.status), (2, BuildStatus::Failed));
        assert!(
            store::succeeded_of_commit(&store.db, "acme/checkout", &commit)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_build_counts_only_where_the_mirror_proves_it() {
    for store in Store::each().await {
        let folder = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::new(store.db.clone(), folder.path().to_owned());
        let door = Door::open(&store.db);
        let forge = Repository::new();
        let url = forge.url();
        let on_main = forge.commit("main", "One");
        let on_feature = forge.commit("feature/x", "Two");
        let changed = |id: i64, branch: &str, commit: &str, change: fn(&mut Value)| {
            let mut payload = run(&url, id, branch, commit, "success", 9);
            change(&mut payload["workflow_run"]);
            payload
        };
        let same = |_: &mut Value| {};
        let tidings = [
            changed(1, "main", &on_main, same),
            changed(2, "main", &on_main, |run| {
                run["head_repository"]["full_name"] = json!("mallory/checkout")
            }),
            changed(3, "main", &on_main, |run| run["event"] = json!("pull_request")),
            changed(4, "main", &on_main, |run| run["head_repository"] = Value::Null),
            changed(5, "main", &on_feature, same),
            changed(6, "main", &"f".repeat(40), same),
            changed(7, "release/9", &on_main, same),
            changed(8, "feature/x", &on_feature, same),
            changed(9, "main", &on_main, |run| {
                run["event"] = json!("workflow_dispatch")
            }),
            changed(10, "", &on_main, same),
        ];
        for (number, payload) in tidings.iter().enumerate() {
            door.tell(&number.to_string(), "workflow_run", payload).await;
        }
        assert_eq!(
            known(&store.db, "1").await.0.counts,
            None,
            "not before the mirror was asked"
        );
        let round = mirrors.tick().await.unwrap();
        assert_eq!(round.fetched, ["acme/checkout"], "{round}");
        let short = server::git::short;
        for (id, why_not) in [
            ("1", None),
            ("2", Some("came from the fork mallory/checkout".to_owned())),
            ("3", Some("was set off by pull_request, not by a push".to_owned())),
            ("4", Some("the repository it came from is gone".to_owned())),
            (
                "5",
                Some(format!(
                    "branch main does not contain commit {}",
                    short(&on_feature)
                )),
            ),
            ("6", Some("commit fffffff is not in acme/checkout".to_owned())),
            (
                "7",
                Some("branch release/9 does not exist in acme/checkout".to_owned()),
            ),
            ("8", None),
            (
                "9",
                Some("was set off by workflow_dispatch, not by a push".to_owned()),
            ),
            ("10", Some("does not say its branch".to_owned())),
        ] {
            let build = known(&store.db, id).await.0;
            assert_eq!(
                (build.counts, &build.counts_why),
                (Some(why_not.is_none()), &why_not),
                "run {id}"
            );
        }
        let counted = store::counted_successes_since(&store.db, 0).await.unwrap();
        assert_eq!(counted.len(), 2);

        // The branch moves on to the feature: its build counts for main now, and nothing else is lost.
        forge.git(&["switch", "--quiet", "main"]);
        forge.git(&["merge", "--quiet", "--ff-only", "feature/x"]);
        door.tell("moved", "push", &push(&url, "main", &on_feature)).await;
        mirrors.tick().await.unwrap();
        assert_eq!(known(&store.db, "5").await.0.counts, Some(true));
        assert_eq!(known(&store.db, "1").await.0.counts, Some(true));

        // The branch is set back and the feature deleted: what they contained no longer counts.
        forge.git(&["reset", "--quiet", "--hard", &on_main]);
        forge.git(&["branch", "--quiet", "-D", "feature/x"]);
        door.tell("back", "push", &push(&url, "main", &on_main)).await;
        mirrors.tick().await.unwrap();
        assert_eq!(known(&store.db, "5").await.0.counts, Some(false));
        assert_eq!(known(&store.db, "8").await.0.counts, Some(false));
        assert_eq!(known(&store.db, "1").await.0.counts, Some(true));
    }
}

#[tokio::test]
async fn the_page_shows_builds_with_all_that_is_known_of_them() {
    for store in Store::each().await {
        let folder = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::new(store.db.clone(), folder.path().to_owned());
        let door = Door::open(&store.db);
        let forge = Repository::new();
        let url = forge.url();
        let commit = forge.commit("main", "Sell <b>more</b>");
        door.tell(
            "1",
            "workflow_job",
            &job(&url, 42, 1, "unit tests", &commit, "success"),
        )
        .await;
        door.tell("2", "workflow_job", &job(&url, 42, 2, "lint", &commit, "failure"))
            .await;
        door.tell("3", "workflow_run", &run(&url, 42, "main", &commit, "success", 9))
            .await;
        mirrors.tick().await.unwrap();
        let mut tx = store.db.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO image (id, repository, digest, tags, commit_id, pushed_at, archived, seen_at)
             VALUES ('img_1', '111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/checkout', $1, '[]', $2, 1, 0, 1)",
        )
        .bind(format!("sha256:{}", "9f8e7d6c5b4a".repeat(5)))
        .bind(&commit)
        .execute(tx.connection())
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let builds = Builds::new(store.db.clone());
        let viewer = somebody("vera", Role::Viewer);
        let page = builds.builds(&viewer, BuildFilter::default()).await.unwrap();
        assert_eq!(page.repositories, ["acme/checkout"]);
        assert_eq!(page.next, None);
        let [build] = page.builds.as_slice() else {
            panic!("{:?}", page.builds)
        };
        assert_eq!(build.status, BuildStatus::Succeeded);
        assert_eq!(build.subject.as_deref(), Some("Sell <b>more</b>"));
        assert_eq!(build.author.as_deref(), Some("Ada Author"));
        assert_eq!(build.image.as_deref(), Some("acme/checkout@9f8e7d6c5b4a"));
        assert_eq!(build.counts, Ok(()));
        assert_eq!(
            build.url.as_deref(),
            Some("https://github.com/acme/checkout/actions/runs/42")
        );
        let stages: Vec<(&str, BuildStatus)> = build
            .stages
            .iter()
            .map(|stage| (stage.name.as_str(), stage.status))
            .collect();
        assert_eq!(
            stages,
            [
                ("lint", BuildStatus::Failed),
                ("unit tests", BuildStatus::Succeeded)
            ]
        );
        let deliveries = builds.deliveries(&viewer, None).await.unwrap().deliveries;
        assert_eq!(deliveries.len(), 3);
        assert_eq!(deliveries[0].event, "workflow_run.completed");

        let nobody = app::account::Actor {
            grants: Vec::new(),
            ..viewer.clone()
        };
        assert!(matches!(
            builds.builds(&nobody, BuildFilter::default()).await,
            Err(ApiError::Forbidden(_))
        ));
        let wrong = BuildFilter {
            status: Some("done".to_owned()),
            ..BuildFilter::default()
        };
        let refusal = builds.builds(&viewer, wrong).await.unwrap_err();
        assert!(refusal.to_string().contains("succeeded"), "{refusal}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap_and_filters_narrow_them() {
    for store in Store::each().await {
        let door = Door::open(&store.db);
        let commit = "a".repeat(40);
        for number in 0..120_i64 {
            let branch = if number % 3 == 0 { "main" } else { "develop" };
            let status = if number % 2 == 0 { "success" } else { "failure" };
            let mut payload = run(CHECKOUT, number, branch, &commit, status, 9);
            // Several share an instant.
            payload["workflow_run"]["created_at"] = json!(format!("2026-03-02T09:{:02}:00Z", number / 10));
            door.deliver(
                &number.to_string(),
                "workflow_run",
                payload.to_string().as_bytes(),
            )
            .await;
        }
        door.inbox.tick().await.unwrap();
        let builds = Builds::new(store.db.clone());
        let viewer = somebody("vera", Role::Viewer);
        let all = |filter: BuildFilter| {
            let (builds, viewer) = (builds.clone(), viewer.clone());
            async move {
                let (mut filter, mut sizes, mut numbers) = (filter, Vec::new(), Vec::new());
                loop {
                    let page = builds.builds(&viewer, filter.clone()).await.unwrap();
                    sizes.push(page.builds.len());
                    numbers.extend(page.builds.iter().map(|build| build.number));
                    filter.before = page.next;
                    if filter.before.is_none() {
                        return (sizes, numbers);
                    }
                }
            }
        };
        let (sizes, mut numbers) = all(BuildFilter::default()).await;
        assert_eq!(sizes, [50, 50, 20]);
        assert!(
            numbers.windows(2).all(|pair| pair[0] / 10 >= pair[1] / 10),
            "newest first"
        );
        numbers.sort_unstable();
        assert_eq!(numbers, (0..120).collect::<Vec<_>>());
        let narrow = BuildFilter {
            repository: Some("acme/checkout".to_owned()),
            branch: Some("main".to_owned()),
            status: Some("succeeded".to_owned()),
            before: None,
        };
        let (_, mut numbers) = all(narrow.clone()).await;
        numbers.sort_unstable();
        assert_eq!(numbers, (0..120).step_by(6).collect::<Vec<_>>());
        let elsewhere = BuildFilter {
            repository: Some("acme/other".to_owned()),
            ..narrow
        };
        assert!(all(elsewhere).await.1.is_empty());
    }
}

/// A repository that cannot be fetched is named with the reason, and how old what is known of it is.
#[tokio::test]
async fn the_page_names_repositories_that_cannot_be_fetched() {
    for store in Store::each().await {
        let mut tx = store.db.begin().await.unwrap();
        for (name, clone_url) in [
            ("acme/checkout", Ok(CHECKOUT)),
            ("acme/stray", Err("its address is not allowed")),
        ] {
            let told = Told {
                name,
                forge: "github",
                clone_url,
                default_branch: None,
                configured: false,
            };
            know(&mut tx, &told).await.unwrap();
        }
        sqlx::query("UPDATE repository SET fetched_at = $1, problem = 'git fetch: no route to host' WHERE name = 'acme/checkout'")
            .bind(store.db.now())
            .execute(tx.connection())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let fetched_at = store.db.now();
        store.clock.advance(3_600_000);
        let builds = Builds::new(store.db.clone());
        let viewer = somebody("vera", Role::Viewer);
        let page = builds.builds(&viewer, BuildFilter::default()).await.unwrap();
        let said: Vec<_> = page
            .unfetched
            .iter()
            .map(|one| {
                let freshness = &one.freshness;
                (
                    one.name.as_str(),
                    freshness.as_of,
                    freshness.stale,
                    freshness.problem.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                (
                    "acme/checkout",
                    Some(fetched_at),
                    true,
                    Some("git fetch: no route to host")
                ),
                ("acme/stray", None, false, Some("its address is not allowed")),
            ]
        );
    }
}
