//! Trains from a build to the request for a deployment and to their end, on both databases.

use app::account::Role;
use app::error::ApiError;
use app::train::{CarState, TrainPort, TrainState, Verdict};

use crate::support::line::{Hand, POLICY, World};
use crate::support::store::somebody;

const OLD: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A world whose slots run the first commit of `main`.
async fn worlds() -> Vec<(World, String)> {
    let mut worlds = Vec::new();
    for world in World::each().await {
        let first = world.commit("main", &Hand::of("ada"));
        let digest = world.built("main", &first, "ada").await;
        for environment in ["development", "staging", "production"] {
            world.slot(environment, &digest).await;
        }
        worlds.push((world, digest));
    }
    worlds
}

#[tokio::test]
async fn a_build_of_a_feature_branch_goes_to_development_by_itself_and_nowhere_else() {
    for (world, _) in worlds().await {
        let commit = world.commit("feature/login", &Hand::of("ada"));
        let digest = world.built("feature/login", &commit, "ada").await;
        world.tick().await;
        let train = world.train("development", 1).await;
        assert_eq!(train.state, TrainState::Departing, "{}", train.sentence);
        let [car] = train.cars.as_slice() else {
            panic!("{:?}", train.cars)
        };
        assert_eq!((car.state, &car.to.digest), (CarState::Deploying, &digest));
        assert!(world.states("staging").await.is_empty());
        assert!(world.states("production").await.is_empty());

        // What is asked of the engine is what was sealed: the same container with the image by digest.
        assert_eq!(
            world
                .number("SELECT COUNT(*) FROM deployment WHERE kind = 'train' AND state = 'requested'")
                .await,
            1
        );
        let manifest = train.manifest_text.unwrap();
        assert!(manifest.contains(&digest), "{manifest}");

        world.tick().await;
        world.ends("slt_development", "succeeded").await;
        world.tick().await;
        let train = world.train("development", 1).await;
        assert_eq!(train.state, TrainState::Arrived);
        assert_eq!(train.sentence, "1 car arrived.");
        world.tick().await;
        assert_eq!(world.states("development").await.len(), 1, "nothing boards again");
    }
}

#[tokio::test]
async fn forks_and_unproven_builds_board_nothing() {
    for (world, _) in worlds().await {
        for counts in [Some(false), None] {
            let commit = world.commit("main", &Hand::of("ada"));
            let digest = world.built("main", &commit, "ada").await;
            let counts = counts.map_or("NULL".to_owned(), |counts: bool| i64::from(counts).to_string());
            world
                .sql(&format!(
                    "UPDATE build SET counts = {counts} WHERE commit_id = '{commit}'"
                ))
                .await;
            world.tick().await;
            assert!(world.states("staging").await.is_empty(), "{digest} boarded");
        }
    }
}

#[tokio::test]
async fn the_newest_commit_wins_and_an_older_one_never_boards() {
    for (world, _) in worlds().await {
        // Staging's slot is busy, so that its train goes on boarding.
        world
            .sql(
                "INSERT INTO scope (account, region, reader, read_at, missed)
                 VALUES ('111122223333', 'eu-west-1', 'x', 0, 0)",
            )
            .await;
        world
            .sql("UPDATE scope SET missed = 3 WHERE reader = 'ecs'")
            .await;
        let second = world.commit("main", &Hand::of("ada"));
        let third = world.commit("main", &Hand::of("ada"));
        let newest = world.built("main", &third, "ada").await;
        world.tick().await;
        // The older commit's build comes in last.
        world.built("main", &second, "ada").await;
        world.tick().await;
        let train = world.train("staging", 1).await;
        assert_eq!(train.state, TrainState::Boarding);
        assert_eq!(train.cars.len(), 1);
        assert_eq!(train.cars[0].to.digest, newest);
        assert!(
            train
                .gates
                .iter()
                .any(|gate| gate.name == "Data fresh" && gate.verdict == Verdict::Wait),
            "stale data waits"
        );
        // A newer one takes its place.
        let fourth = world.commit("main", &Hand::of("ada"));
        let newer = world.built("main", &fourth, "ada").await;
        world.tick().await;
        let train = world.train("staging", 1).await;
        assert_eq!(train.cars[0].to.digest, newer);
        assert_eq!(world.states("staging").await.len(), 1, "one boarding train");
        // Fresh again, it leaves; a still newer one boards the next train.
        world.fresh().await;
        world.tick().await;
        let fifth = world.commit("main", &Hand::of("ada"));
        world.built("main", &fifth, "ada").await;
        world.tick().await;
        world.tick().await;
        assert_eq!(
            world.states("staging").await,
            [(1, "departing".to_owned()), (2, "boarding".to_owned())]
        );
    }
}

#[tokio::test]
async fn an_image_that_failed_does_not_board_until_a_person_allows_it() {
    for (world, _) in worlds().await {
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        world.tick().await;
        world.ends("slt_staging", "rolled-back").await;
        world.tick().await;
        assert_eq!(world.train("staging", 1).await.state, TrainState::RolledBack);
        world.pass(60).await;
        world.tick().await;
        assert_eq!(world.states("staging").await.len(), 1);
        world
            .sql("UPDATE boarding_refusal SET allowed_by = 'usr_lin', allowed_at = 1")
            .await;
        world.tick().await;
        assert_eq!(world.train("staging", 2).await.state, TrainState::Departing);
    }
}

#[tokio::test]
async fn only_what_soaked_in_staging_and_is_on_main_boards_production() {
    for (world, _) in worlds().await {
        let lead = somebody("lin", Role::Lead);
        let commit = world.commit("develop", &Hand::of("ada"));
        world.built("develop", &commit, "ada").await;
        world.tick().await;
        world.ends("slt_staging", "succeeded").await;
        world.tick().await;
        world.pass(3_600).await;
        world.tick().await;
        assert!(
            world.states("production").await.is_empty(),
            "develop does not go to production, however it soaked"
        );

        let commit = world.commit("main", &Hand::of("ada"));
        world
            .sql("UPDATE build SET branch = 'old' WHERE branch = 'develop'")
            .await;
        world
            .sql("UPDATE slot SET running_digest = NULL, running_image = NULL WHERE id = 'slt_staging'")
            .await;
        let digest = world.built("main", &commit, "ada").await;
        world.tick().await;
        world.ends("slt_staging", "succeeded").await;
        world.tick().await;
        assert!(world.states("production").await.is_empty(), "not soaked yet");
        world.pass(601).await;
        world.tick().await;
        let train = world.train("production", 1).await;
        assert_eq!(train.state, TrainState::Boarding);
        assert_eq!(train.cars[0].to.digest, digest);
        assert_eq!(
            train.cars[0].commits.as_ref().map(Vec::len),
            Some(1),
            "from → to is shown"
        );

        // Taken back in staging, it gets off again.
        world.runs("slt_staging", OLD).await;
        world.tick().await;
        assert!(world.train("production", 1).await.cars.is_empty());
        let refusal = world.trains.seal(&lead, &train.id, 1).await.unwrap_err();
        assert!(matches!(refusal, ApiError::Conflict(_)), "{refusal}");
    }
}

#[tokio::test]
async fn a_hotfix_boards_an_express_train_which_overtakes_the_sealed_one() {
    for (world, _) in worlds().await {
        let lead = world.person("lin", "leads").await;
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        world.tick().await;
        world.ends("slt_staging", "succeeded").await;
        world.tick().await;
        world.pass(601).await;
        world.tick().await;
        let first = world.train("production", 1).await;
        world.trains.seal(&lead, &first.id, 1).await.unwrap();
        assert_eq!(world.train("production", 1).await.state, TrainState::Sealed);

        let fix = world.commit("hotfix/leak", &Hand::of("ada"));
        world.built("hotfix/leak", &fix, "ada").await;
        world.tick().await;
        let express = world.train("production", 2).await;
        assert!(express.express);
        assert_eq!(express.state, TrainState::Sealed, "{}", express.sentence);
        let overtaken = world.train("production", 1).await;
        assert_eq!((overtaken.state, overtaken.revision), (TrainState::Boarding, 2));
        assert!(
            overtaken
                .log
                .iter()
                .any(|line| line.sentence.contains("overtakes")),
            "{:?}",
            overtaken.log
        );
        // Sealing it again does not help: the express goes first.
        let refusal = world.trains.seal(&lead, &overtaken.id, 2).await.unwrap_err();
        assert!(refusal.to_string().contains("goes there first"), "{refusal}");
    }
}

#[tokio::test]
async fn two_ticks_at_once_do_everything_once() {
    for (world, _) in worlds().await {
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        let again = server::train::Trains::new(
            world.store.db.clone(),
            world.mirrors.clone(),
            world.cipher.clone(),
        );
        let (one, other) = tokio::join!(world.trains.tick(), again.tick());
        one.unwrap();
        other.unwrap();
        world.tick().await;
        assert_eq!(world.states("staging").await, [(1, "departing".to_owned())]);
        assert_eq!(world.number("SELECT COUNT(*) FROM deployment").await, 1);
        let quiet = world.trains.tick().await.unwrap();
        assert_eq!(quiet.steps, 0, "{quiet}");
    }
}

#[tokio::test]
async fn a_rollback_by_hand_reopens_the_sealed_train_and_takes_the_next_ones_cars_over() {
    for (world, first) in worlds().await {
        let lead = world.person("lin", "leads").await;
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        world.tick().await;
        world.ends("slt_staging", "succeeded").await;
        world.tick().await;
        world.pass(601).await;
        world.tick().await;
        let train = world.train("production", 1).await;
        world.trains.seal(&lead, &train.id, 1).await.unwrap();
        // The next one boards already.
        let commit = world.commit("main", &Hand::of("ada"));
        let newest = world.built("main", &commit, "ada").await;
        world.tick().await;
        world.ends("slt_staging", "succeeded").await;
        world.tick().await;
        world.pass(601).await;
        world.tick().await;
        assert_eq!(
            world.states("production").await,
            [(1, "sealed".to_owned()), (2, "boarding".to_owned())]
        );
        let mut tx = world.store.db.begin().await.unwrap();
        let titles = server::train::reopen_touching(&mut tx, "slt_production", &lead, "rolled back by hand")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(titles, ["production #1"]);
        world.runs("slt_production", &first).await;
        assert_eq!(
            world.states("production").await,
            [(1, "boarding".to_owned()), (2, "cancelled".to_owned())]
        );
        let train = world.train("production", 1).await;
        assert_eq!((train.revision, train.manifest), (2, None));
        assert_eq!(train.cars.len(), 1);
        assert_eq!(train.cars[0].to.digest, newest, "the later boarder stays");
    }
}

#[tokio::test]
async fn holding_stops_what_has_not_begun_and_cancelling_ends_it() {
    for (world, _) in worlds().await {
        let lead = somebody("lin", Role::Lead);
        let junior = somebody("jo", Role::Junior);
        world
            .sql("UPDATE scope SET missed = 3 WHERE reader = 'ecs'")
            .await;
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        world.tick().await;
        let train = world.train("staging", 1).await;
        let refusal = world.trains.hold(&junior, &train.id, "wait").await.unwrap_err();
        assert!(matches!(refusal, ApiError::Forbidden(_)), "{refusal}");
        let refusal = world.trains.hold(&lead, &train.id, "  ").await.unwrap_err();
        assert!(matches!(refusal, ApiError::Invalid(_)), "{refusal}");
        world
            .trains
            .hold(&lead, &train.id, "waiting for marketing")
            .await
            .unwrap();
        world.fresh().await;
        world.tick().await;
        let held = world.train("staging", 1).await;
        assert_eq!(held.state, TrainState::Boarding);
        assert_eq!(held.held.as_deref(), Some("lin: waiting for marketing"));
        world.trains.release(&lead, &train.id).await.unwrap();
        world.tick().await;
        let left = world.train("staging", 1).await;
        assert_eq!(left.state, TrainState::Departing);
        let refusal = world
            .trains
            .cancel(&lead, &train.id, left.revision, "too late")
            .await
            .unwrap_err();
        assert!(matches!(refusal, ApiError::Conflict(_)), "{refusal}");
    }
}

#[tokio::test]
async fn until_ecs_is_read_again_nothing_boards_twice_and_nothing_is_sealed() {
    for (world, _) in worlds().await {
        let commit = world.commit("main", &Hand::of("ada"));
        let digest = world.built("main", &commit, "ada").await;
        world.tick().await;
        // Some time later the engine is done; ECS was read last before that.
        world.store.clock.advance(10_000);
        assert_eq!(world.rests("slt_staging", "succeeded").await, digest);
        for _ in 0..3 {
            world.tick().await;
            world.store.clock.advance(1_000);
        }
        assert_eq!(world.states("staging").await, [(1, "arrived".to_owned())]);
        // Something newer boards, and says what it waits for.
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        world.tick().await;
        let train = world.train("staging", 2).await;
        assert_eq!(train.state, TrainState::Boarding);
        let from = train.cars[0].from.as_ref().unwrap();
        assert_eq!(from.digest, digest, "it follows what was just deployed");
        let gate = train
            .gates
            .iter()
            .find(|gate| gate.name == "Task definition sound");
        let sentence = &gate.unwrap().sentence;
        assert!(sentence.contains("has not been read yet"), "{sentence}");
        let lead = somebody("lin", Role::Lead);
        let refusal = world.trains.seal(&lead, &train.id, 1).await.unwrap_err();
        assert!(refusal.to_string().contains("has not been read yet"), "{refusal}");
        // Read, it leaves with what runs now as its base.
        world.runs("slt_staging", &digest).await;
        world.tick().await;
        assert_eq!(world.train("staging", 2).await.state, TrainState::Departing);
        assert_eq!(
            world
                .number(
                    "SELECT COUNT(*) FROM car JOIN slot ON slot.id = car.slot_id
                     WHERE car.state = 'deploying' AND car.base_task_definition = slot.running_task_definition"
                )
                .await,
            1
        );

        // The same after an undo: what was put back has to be read.
        world.store.clock.advance(10_000);
        world.rests("slt_staging", "rolled-back").await;
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        world.tick().await;
        assert_eq!(world.train("staging", 3).await.state, TrainState::Boarding);
        world.pass(1).await;
        world.tick().await;
        assert_eq!(world.train("staging", 3).await.state, TrainState::Departing);
    }
}

#[tokio::test]
async fn a_departed_train_keeps_the_verdicts_it_departed_on() {
    for (world, _) in worlds().await {
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        let passes = async |state| {
            let train = world.train("staging", 1).await;
            assert_eq!(train.state, state);
            let waiting: Vec<_> = train
                .gates
                .iter()
                .filter(|gate| gate.verdict != Verdict::Pass)
                .collect();
            assert!(train.gates.len() > 10 && waiting.is_empty(), "{waiting:?}");
        };
        // It boards, is sealed and departs within this tick.
        world.tick().await;
        passes(TrainState::Departing).await;
        world.ends("slt_staging", "succeeded").await;
        world.tick().await;
        passes(TrainState::Arrived).await;
    }
    // One that waited before.
    for (world, _) in worlds().await {
        world
            .sql("UPDATE scope SET missed = 3 WHERE reader = 'ecs'")
            .await;
        let commit = world.commit("main", &Hand::of("ada"));
        world.built("main", &commit, "ada").await;
        world.tick().await;
        world.fresh().await;
        world.tick().await;
        let train = world.train("staging", 1).await;
        let fresh = train.gates.iter().find(|gate| gate.name == "Data fresh").unwrap();
        assert_eq!(
            (train.state, fresh.verdict),
            (TrainState::Departing, Verdict::Pass)
        );
    }
}

#[tokio::test]
async fn a_policy_that_leaves_trains_without_an_environment_is_refused() {
    for (world, _) in worlds().await {
        world
            .sql("UPDATE scope SET missed = 3 WHERE reader = 'ecs'")
            .await;
        let commit = world.commit("feature/login", &Hand::of("ada"));
        world.built("feature/login", &commit, "ada").await;
        world.tick().await;
        let lead = somebody("lin", Role::Lead);
        let apply = async |policy: &str| server::policy::apply(&world.store.db, &lead, policy).await;
        let gone = POLICY.replace("name = \"development\"", "name = \"sandbox\"");
        let refusal = apply(&gone).await.unwrap_err().to_string();
        assert!(
            refusal.contains("development #1") && refusal.contains("sources = []"),
            "{refusal}"
        );
        // What it says to do works.
        apply(&POLICY.replace("[\"feature/*\", \"bugfix/*\"]", "[]"))
            .await
            .unwrap();
        let train = world.train("development", 1).await;
        world
            .trains
            .cancel(&lead, &train.id, train.revision, "the environment goes")
            .await
            .unwrap();
        world.tick().await;
        apply(&gone).await.unwrap();
    }
}
