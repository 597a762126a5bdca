//! The board over what the sync brought.

use app::account::Role;
use app::board::{BoardFilter, BoardPort, DRIFT, Health, SlotState};
use app::environment::EnvironmentPort;
use server::board::Boards;
use server::environment::Environments;
use server::git::Mirrors;

use crate::support::cloud::{ACCOUNT, Cloud, OTHER, POLICY, REGION, apply};
use crate::support::line::{Hand, World};
use crate::support::store::{Store, somebody};

fn boards(store: &Store) -> Boards {
    Boards::new(
        store.db.clone(),
        Mirrors::new(store.db.clone(), std::env::temp_dir().join("no-mirrors")),
    )
}

async fn execute(store: &Store, sql: &'static str) {
    let mut tx = store.db.begin().await.unwrap();
    sqlx::query(sql).execute(tx.connection()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_board_shows_what_runs_and_what_needs_whom() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        let digest = cloud.with_checkout();
        apply(&store, POLICY).await;
        let sync = cloud.sync(&store);
        sync.tick().await.unwrap();
        let boards = boards(&store).with_names_of(&cloud.config);
        let lead = somebody("lin", Role::Lead);
        let viewer = somebody("vera", Role::Viewer);

        let board = boards.board(&lead, BoardFilter::default()).await.unwrap();
        let names: Vec<&str> = board.environments.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["staging", "production"]);
        let cell = board.rows[0].cells[0].as_ref().unwrap();
        let image = cell.image.as_ref().unwrap();
        assert_eq!((image.name.as_str(), &image.digest), ("main-77aa01c", &digest));
        assert_eq!(
            (cell.state, cell.health, cell.running),
            (SlotState::Running, Health::Healthy, 2)
        );
        assert_eq!(cell.behind, None, "no mirror, so it cannot be told");
        assert_eq!((board.total, board.unmapped, board.needs.len()), (1, 0, 0));
        let scopes: Vec<&str> = board.scopes.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(scopes, ["tools · eu-central-1", "prod · eu-central-1"]);

        execute(&store, "UPDATE slot SET drift = 'It runs x, but Yardmaster deployed y last.' WHERE environment = 'staging'").await;
        execute(
            &store,
            "INSERT INTO train (id, environment, number, express, state, revision, version, created_at, sealed_at,
                 sealed_by, manifest, manifest_sha256, policy_revision)
             VALUES ('trn_1', 'production', 42, 0, 'sealed', 1, 1, 0, 5, 'U', '{}', 'm', 1)",
        )
        .await;
        execute(
            &store,
            "INSERT INTO deployment (id, slot_id, kind, image_repository, digest, requested_by, requested_by_name, requested_at,
                 state, phase, version, facts, wake_at, ended_at, failure_text, fence)
             SELECT 'dep_1', id, 'train', 'r', 'sha256:x', 'u', 'U', 1, 'rolled-back', 'rest', 1, '{}', 0, 2, 'the image cannot be pulled', 0
             FROM slot WHERE environment = 'production'",
        )
        .await;
        let board = boards.board(&lead, BoardFilter::default()).await.unwrap();
        let sentences: Vec<&str> = board.needs.iter().map(|need| need.sentence.as_str()).collect();
        assert_eq!(sentences.len(), 3, "{sentences:?}");
        assert!(
            sentences
                .iter()
                .any(|one| one.contains("failed in production") && one.contains("cannot be pulled"))
        );
        assert!(sentences.iter().any(|one| one.contains("something else")));
        assert_eq!(
            sentences[2], "production #42 waits for your approval",
            "bad things come first"
        );
        assert_eq!(board.environments[1].train, Some((42, "Sealed".to_owned())));
        assert_eq!(board.rows[0].cells[1].as_ref().unwrap().state, SlotState::Failed);
        let board = boards.board(&viewer, BoardFilter::default()).await.unwrap();
        assert!(
            board.needs.is_empty(),
            "a viewer can do nothing about it: {:?}",
            board.needs
        );

        execute(
            &store,
            r#"INSERT INTO deployment (id, slot_id, kind, image_repository, digest, requested_by, requested_by_name,
                 requested_at, state, phase, version, facts, wake_at, ended_at, fence)
             SELECT 'dep_2', id, 'train', 'r', 'sha256:y', 'u', 'U', 1, 'needs-human', 'rest', 1,
                 '{"since":1,"state":{"at":"needs-human","with":{"following":null,
                   "failure":{"sentence":"It got stuck.","class":null,"blame":"outside"}}}}', 0, 2, 0
             FROM slot WHERE environment = 'staging'"#,
        )
        .await;
        let board = boards.board(&lead, BoardFilter::default()).await.unwrap();
        let cell = board.rows[0].cells[0].as_ref().unwrap();
        let held = cell
            .in_flight
            .as_ref()
            .expect("it holds the slot until somebody has looked");
        assert_eq!(
            (
                cell.state,
                held.deployment.as_str(),
                held.word.as_str(),
                held.percent
            ),
            (SlotState::NeedsHuman, "dep_2", "Needs a human", None)
        );

        let rows = async |filter: BoardFilter| boards.board(&viewer, filter).await.unwrap().rows.len();
        let filter = |team: &str, state: &str, search: &str| BoardFilter {
            team: Some(team.to_owned()),
            state: Some(state.to_owned()),
            search: Some(search.to_owned()),
        };
        assert_eq!(rows(filter("", "", "CHECK")).await, 1);
        assert_eq!(rows(filter("shop", "failed", "")).await, 1);
        assert_eq!(rows(filter("catalog", "", "")).await, 0);
        assert_eq!(rows(filter("", DRIFT, "")).await, 1);
        assert_eq!(rows(filter("", "empty", "")).await, 0);

        cloud.aws.unreachable(OTHER, true);
        for _ in 0..3 {
            cloud.pass(&store, 30);
            sync.tick().await.unwrap();
        }
        let board = boards.board(&lead, BoardFilter::default()).await.unwrap();
        let cells = &board.rows[0].cells;
        assert_eq!(cells[0].as_ref().unwrap().health, Health::Healthy);
        assert_eq!(cells[1].as_ref().unwrap().health, Health::Unknown);
        assert!(
            board.needs.iter().any(|need| need.sentence.contains(OTHER)),
            "{:?}",
            board.needs
        );
    }
}

/// Such an environment would only look empty.
#[tokio::test]
async fn an_environment_bound_to_a_cluster_that_is_not_there_says_so() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        cloud.with_checkout();
        let misspelt = POLICY.replace("cluster = \"staging\"", "cluster = \"stagging\"");
        apply(&store, &misspelt).await;
        let (ada, vera) = (somebody("ada", Role::Devops), somebody("vera", Role::Viewer));
        let boards = boards(&store);
        let needs = async |actor| -> Vec<String> {
            let board = boards.board(actor, BoardFilter::default()).await.unwrap();
            board.needs.into_iter().map(|need| need.sentence).collect()
        };
        let environments = Environments::new(store.db.clone());
        let page = async |name: &str| environments.environment(&vera, name, None).await.unwrap();
        assert_eq!(page("staging").await.astray, None, "nobody has looked yet");

        let sync = cloud.sync(&store);
        sync.tick().await.unwrap();
        let missing = "Environment staging is bound to cluster `stagging`, which account 111122223333 in eu-central-1 does not have";
        assert_eq!(needs(&ada).await, [missing]);
        assert!(needs(&vera).await.is_empty(), "she can do nothing about it");
        let board = boards.board(&vera, BoardFilter::default()).await.unwrap();
        let problems: Vec<_> = board
            .scopes
            .into_iter()
            .map(|one| one.freshness.problem)
            .collect();
        assert_eq!(problems, [Some(format!("{missing}.")), None]);
        let staging = page("staging").await;
        assert_eq!(staging.astray, Some(format!("{missing}.")));
        assert_eq!(staging.cluster, None);
        let production = page("production").await;
        assert_eq!(production.astray, None);
        let cluster = production.cluster.unwrap();
        assert_eq!(
            (cluster.status.as_str(), cluster.services, cluster.running),
            ("ACTIVE", 1, 2)
        );

        // Of an account that cannot be read nothing is said but that.
        cloud.aws.unreachable(ACCOUNT, true);
        cloud.pass(&store, 15);
        sync.tick().await.unwrap();
        assert_eq!(page("staging").await.astray, None);
        assert!(
            needs(&ada)
                .await
                .iter()
                .all(|need| need.contains("cannot be read"))
        );
        cloud.aws.unreachable(ACCOUNT, false);
        cloud.pass(&store, 15);
        sync.tick().await.unwrap();
        assert_eq!(needs(&ada).await, [missing]);

        apply(&store, POLICY).await;
        cloud.pass(&store, 15);
        sync.tick().await.unwrap();
        assert!(needs(&ada).await.is_empty(), "{:?}", needs(&ada).await);
        assert_eq!(page("staging").await.astray, None);

        cloud.aws.delete_cluster(OTHER, REGION, "production");
        cloud.pass(&store, 60);
        sync.tick().await.unwrap();
        let astray = page("production").await.astray.unwrap();
        assert!(
            astray.contains("cluster `production`") && astray.contains("INACTIVE"),
            "{astray}"
        );
        assert_eq!(page("production").await.cluster, None);
    }
}

/// What will board a line next is said on its page, until it has soaked.
#[tokio::test]
async fn a_line_names_what_soaks_for_it() {
    for world in World::each().await {
        let viewer = somebody("vera", Role::Viewer);
        let environments = Environments::new(world.store.db.clone());
        let soaking = async |environment: &str| {
            let page = environments
                .environment(&viewer, environment, None)
                .await
                .unwrap();
            page.soaking
        };
        let first = world.commit("main", &Hand::of("ada"));
        let old = world.built("main", &first, "ada").await;
        for environment in ["staging", "production"] {
            world.slot(environment, &old).await;
        }
        for (branch, shown) in [("develop", false), ("main", true)] {
            let commit = world.commit(branch, &Hand::of("ada"));
            let digest = world.built(branch, &commit, "ada").await;
            world.runs("slt_staging", &digest).await;
            let now = world.store.db.now();
            world
                .sql(&format!(
                    "INSERT INTO deployment (id, slot_id, kind, image_repository, digest, requested_by,
                         requested_by_name, requested_at, state, phase, version, facts, wake_at, ended_at, fence)
                     VALUES ('dep_{branch}', 'slt_staging', 'train', 'r', '{digest}', 'u', 'U', 1, 'succeeded',
                         'rest', 1, '{{}}', 0, {now}, 0)"
                ))
                .await;
            let said = soaking("production").await;
            assert_eq!(said.len(), usize::from(shown), "only what may come: {said:?}");
        }
        world.pass(240).await;
        let said = soaking("production").await;
        assert!(
            said[0].starts_with("checkout main-") && said[0].ends_with(" soaks in staging for 6 min more."),
            "{said:?}"
        );
        assert!(soaking("staging").await.is_empty());
        world.pass(360).await;
        assert!(soaking("production").await.is_empty(), "it has soaked");
    }
}

#[tokio::test]
async fn somebody_without_a_role_sees_nothing() {
    let store = Store::sqlite().await;
    let mut nobody = somebody("nobody", Role::Viewer);
    nobody.grants.clear();
    assert!(
        boards(&store)
            .board(&nobody, BoardFilter::default())
            .await
            .is_err()
    );
}
