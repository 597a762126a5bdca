//! The numbers of the metrics page, and the page of an environment, on both databases.

use app::account::{Actor, Role};
use app::environment::EnvironmentPort;
use app::error::ApiError;
use app::metric::MetricPort;
use server::environment::Environments;
use server::metric::Metrics;

use crate::support::line::{Hand, World};
use crate::support::store::somebody;

const HOUR: i64 = 3_600_000;

async fn deployment(world: &World, id: &str, kind: &str, state: &str, digests: (&str, &str), ended_at: i64) {
    let (from, to) = digests;
    world
        .sql(&format!(
            "INSERT INTO deployment (id, slot_id, kind, image_repository, digest, commit_id, from_digest, requested_by,
                 requested_by_name, requested_at, state, phase, version, facts, wake_at, ended_at, resolved_at, fence)
             SELECT '{id}', 'slt_staging', '{kind}', repository, digest, commit_id, '{from}', 'system', 'Yardmaster', 0,
                 '{state}', 'forward', 1, '{{}}', 0, {ended_at}, {ended_at}, 0
             FROM image WHERE digest = '{to}'"
        ))
        .await;
}

#[tokio::test]
async fn lead_time_and_failure_rate_come_from_deployments_and_commits() {
    for world in World::each().await {
        let viewer = somebody("vic", Role::Viewer);
        let metrics = Metrics::new(world.store.db.clone());
        let empty = metrics.metrics(&viewer, 7).await.unwrap();
        let names: Vec<&str> = empty
            .environments
            .iter()
            .map(|one| one.environment.as_str())
            .collect();
        assert_eq!(names, ["development", "staging", "production"]);
        assert_eq!(empty.environments[1].failure_rate, None, "no data is not 0");

        let start = world.store.db.now();
        let mut digests = Vec::new();
        let mut parent = String::new();
        for hour in 0..4 {
            let commit = world.commit("main", &Hand::of("ada"));
            digests.push(world.built("main", &commit, "ada").await);
            world
                .sql(&format!(
                    "INSERT INTO git_commit (repository_id, id, parents, author_name, author_email, committer_name,
                         committer_email, co_authors, subject, committed_at)
                     VALUES ('rep_1', '{commit}', '{parent}', 'a', 'a', 'a', 'a', '[]', 's', {})",
                    start + hour * HOUR
                ))
                .await;
            parent = commit;
        }
        world.slot("staging", &digests[0]).await;
        // Two commits at once, one of them waited two hours, the other one.
        deployment(
            &world,
            "dep_1",
            "train",
            "succeeded",
            (&digests[0], &digests[2]),
            start + 3 * HOUR,
        )
        .await;
        deployment(
            &world,
            "dep_2",
            "train",
            "failed-unchanged",
            (&digests[2], &digests[3]),
            start + 4 * HOUR,
        )
        .await;
        deployment(
            &world,
            "dep_3",
            "train",
            "rolled-back",
            (&digests[2], &digests[3]),
            start + 5 * HOUR,
        )
        .await;
        deployment(
            &world,
            "dep_4",
            "train",
            "succeeded",
            (&digests[2], &digests[3]),
            start + 6 * HOUR,
        )
        .await;
        deployment(
            &world,
            "dep_5",
            "rollback",
            "succeeded",
            (&digests[3], &digests[2]),
            start + 7 * HOUR,
        )
        .await;
        world.store.clock.advance(8 * HOUR);

        let page = metrics.metrics(&viewer, 7).await.unwrap();
        let staging = &page.environments[1];
        assert_eq!(staging.deployments, 4, "what never changed anything is left out");
        assert_eq!((staging.failures, staging.failure_rate), (2, Some(500)));
        // b: 3−1, c: 3−2, d: 6−3 hours.
        assert_eq!(staging.lead_time_n, 3);
        assert_eq!(staging.lead_time_median, Some(2 * HOUR));
        assert_eq!(staging.lead_time_p90, Some(3 * HOUR));
        assert_eq!(staging.weeks.len(), 2);
        assert!(page.definitions.len() >= 4);
        assert!(matches!(
            metrics.metrics(&viewer, 0).await,
            Err(ApiError::Invalid(_))
        ));
        let nobody = Actor {
            grants: Vec::new(),
            ..viewer.clone()
        };
        assert!(matches!(
            metrics.metrics(&nobody, 7).await,
            Err(ApiError::Forbidden(_))
        ));
    }
}

#[tokio::test]
async fn an_environment_shows_its_line_and_turns_the_pages_of_past_trains() {
    for world in World::each().await {
        let viewer = somebody("vic", Role::Viewer);
        let environments = Environments::new(world.store.db.clone());
        assert_eq!(
            environments.names(&viewer).await.unwrap(),
            ["development", "staging", "production"]
        );
        for number in 1..=30 {
            world
                .sql(&format!(
                    "INSERT INTO train (id, environment, number, express, state, revision, version, created_at,
                         ended_at, ended_why)
                     VALUES ('trn_{number}', 'staging', {number}, 0, 'cancelled', 1, 1, 0, {number}, 'not needed')"
                ))
                .await;
        }
        world
            .sql(
                "INSERT INTO train (id, environment, number, express, state, revision, version, created_at)
                 VALUES ('trn_31', 'staging', 31, 0, 'boarding', 1, 1, 5)",
            )
            .await;
        let page = environments.environment(&viewer, "staging", None).await.unwrap();
        assert_eq!(page.binding, "account 111122223333 · eu-west-1 · cluster staging");
        assert_eq!(page.freshness.as_of, Some(world.store.db.now()));
        assert_eq!(page.current.len(), 1);
        assert_eq!(page.current[0].sentence, "Boards; no car yet.");
        assert_eq!((page.past.len(), page.next), (25, Some(6)));
        assert_eq!(
            (page.past[0].number, page.past[0].sentence.as_str()),
            (30, "not needed")
        );
        let rest = environments
            .environment(&viewer, "staging", page.next)
            .await
            .unwrap();
        assert_eq!((rest.past.len(), rest.next), (5, None));
        assert!(
            page.policy
                .iter()
                .any(|line| line.contains("Nobody has to approve"))
        );
        let production = environments
            .environment(&viewer, "production", None)
            .await
            .unwrap();
        assert!(
            production
                .policy
                .iter()
                .any(|line| line.contains("a senior developer or a lead")),
            "{:?}",
            production.policy
        );
        assert!(matches!(
            environments.environment(&viewer, "moon", None).await,
            Err(ApiError::NotFound(_))
        ));
    }
}
