//! What is unmapped, and a person's word on it; the tasks of a slot.

use app::account::Role;
use app::board::Health;
use app::deployment::FailureClass;
use app::error::ApiError;
use app::service::ServicePort;
use serde_json::json;
use server::board::Boards;
use server::git::Mirrors;
use server::service::{Services, slot};
use sim::aws::Failure;

use crate::support::cloud::{ACCOUNT, Cloud, OTHER, POLICY, REGION, apply};
use crate::support::store::{MONDAY, Store, of_team, somebody};

fn services(store: &Store) -> Services {
    let mirrors = Mirrors::new(store.db.clone(), std::env::temp_dir().join("no-mirrors"));
    Services::new(store.db.clone(), Boards::new(store.db.clone(), mirrors))
}

#[tokio::test]
async fn what_is_unmapped_says_why_and_a_person_maps_it_at_once() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        cloud.with_checkout();
        let two = cloud.define(ACCOUNT, "legacy", &[("app", "nginx:1"), ("proxy", "envoy:1")]);
        let legacy = cloud.run(ACCOUNT, "staging", "legacy", &two, None);
        let second = cloud.run(ACCOUNT, "staging", "checkout-copy", &two, Some("checkout"));
        cloud.aws.create_cluster(OTHER, REGION, "lab");
        let three = cloud.define(OTHER, "toy", &[("web", "nginx:1")]);
        let toy = cloud.run(OTHER, "lab", "toy", &three, Some("toy"));
        apply(&store, POLICY).await;
        cloud.sync(&store).tick().await.unwrap();

        let services = services(&store);
        let viewer = somebody("vera", Role::Viewer);
        let unmapped = services.unmapped(&viewer).await.unwrap();
        let reason = |arn: &String| {
            unmapped
                .services
                .iter()
                .find(|one| one.arn == *arn)
                .unwrap()
                .reason
                .clone()
        };
        assert_eq!(unmapped.services.len(), 3);
        assert!(reason(&legacy).contains("no tag"), "{}", reason(&legacy));
        assert!(reason(&second).contains("containers"), "{}", reason(&second));
        assert!(reason(&toy).contains("cluster lab"), "{}", reason(&toy));
        assert!(unmapped.why_not.is_some());
        assert!(unmapped.known.contains(&"catalog".to_owned()));

        let refused = services.map(&viewer, &legacy, "catalog", "app").await;
        assert!(matches!(refused, Err(ApiError::Forbidden(_))), "{refused:?}");
        let ada = somebody("ada", Role::Devops);
        let refused = services.map(&ada, &legacy, "catalog", "sidecar").await;
        assert!(
            matches!(&refused, Err(ApiError::Invalid(text)) if text.contains("app, proxy")),
            "{refused:?}"
        );
        let refused = services.map(&ada, &second, "checkout", "app").await;
        assert!(
            matches!(&refused, Err(ApiError::Conflict(text)) if text.contains("already")),
            "{refused:?}"
        );
        let refused = services.map(&ada, &toy, "toy", "web").await;
        assert!(
            matches!(&refused, Err(ApiError::Conflict(text)) if text.contains("[[environment]]")),
            "{refused:?}"
        );

        // A senior configures what their own team owns, and takes nothing away from others.
        let shop = of_team("sho", Role::Senior, "shop");
        let refused = services.map(&shop, &legacy, "catalog", "app").await;
        assert!(
            matches!(&refused, Err(ApiError::Forbidden(text)) if text.contains("team catalog")),
            "{refused:?}"
        );
        assert!(services.unmapped(&shop).await.unwrap().why_not.is_none());
        let catalog = of_team("cat", Role::Senior, "catalog");
        services.map(&catalog, &legacy, "catalog", "app").await.unwrap();
        let refused = services.map(&shop, &legacy, "checkout", "app").await;
        assert!(matches!(refused, Err(ApiError::Forbidden(_))), "{refused:?}");

        cloud.aws.reset_calls();
        services.map(&ada, &legacy, "catalog", "app").await.unwrap();
        assert!(cloud.aws.calls().is_empty(), "nothing was asked of AWS");
        let mapped = slot(&store.db, "catalog", "staging").await.unwrap().unwrap();
        assert_eq!(
            (mapped.ecs_service.as_str(), mapped.container.as_str()),
            ("legacy", "app")
        );
        assert_eq!(services.unmapped(&ada).await.unwrap().services.len(), 2);
        let audit: Vec<(String, String)> = sqlx::query_as("SELECT action, actor FROM audit ORDER BY seq")
            .fetch_all(store.db.read())
            .await
            .unwrap();
        assert_eq!(
            audit.last().unwrap(),
            &("service.map".to_owned(), "ada".to_owned())
        );

        let view = services.service(&ada, "checkout").await.unwrap();
        let environments: Vec<&str> = view.slots.iter().map(|slot| slot.environment.as_str()).collect();
        assert_eq!(environments, ["staging", "production"]);
        assert_eq!(view.slots[0].task_definition.as_deref(), Some("checkout:1"));
        assert!(
            view.slots[0].roll_back.why_not.is_some(),
            "nothing else ran there"
        );
        assert!(matches!(
            services.service(&ada, "nothing").await,
            Err(ApiError::NotFound(_))
        ));
    }
}

/// Nobody deployed anything, and yet tasks crash: the page of the service says why.
#[tokio::test]
async fn a_service_that_crashes_outside_of_a_deployment_says_why() {
    for store in Store::each().await {
        let cloud = Cloud::start().await;
        let digest = cloud.with_checkout();
        apply(&store, POLICY).await;
        let sync = cloud.sync(&store);
        sync.tick().await.unwrap();
        let services = services(&store);
        let vera = somebody("vera", Role::Viewer);
        let slots = async || services.service(&vera, "checkout").await.unwrap().slots;
        let steady = slots().await;
        for slot in &steady {
            assert_eq!(slot.tasks.freshness.as_of, Some(MONDAY));
            assert_eq!((slot.tasks.list.len(), &slot.tasks.why), (2, &None));
            for task in &slot.tasks.list {
                assert_eq!(
                    (task.status.as_str(), task.wanted, &task.end),
                    ("RUNNING", true, &None)
                );
                assert_eq!(task.image.as_ref().unwrap().name, "main-77aa01c");
                assert!(task.started_at.is_some());
            }
        }

        // What is started from now on crashes.
        let scale = |desired: u32| {
            let asked = json!({ "cluster": "staging", "service": "checkout", "desiredCount": desired });
            cloud.aws.ecs(ACCOUNT, REGION, "UpdateService", asked).unwrap();
        };
        let pass = async |rounds: u32| {
            for _ in 0..rounds {
                cloud.pass(&store, 15);
                sync.tick().await.unwrap();
            }
        };
        cloud.aws.script_image(&digest, Failure::Exits { code: 3 });
        scale(4);
        pass(8).await;
        let [staging, production] = slots().await.try_into().unwrap();
        assert_eq!(
            (staging.cell.health, staging.cell.running, staging.cell.desired),
            (Health::Degraded, 2, 4)
        );
        assert_eq!(staging.tasks.freshness.as_of, Some(store.db.now()));
        let why = staging.tasks.why.unwrap();
        assert_eq!(why.class, FailureClass::ApplicationExit);
        assert!(
            why.sentence.contains("exit code 3") && !why.runbook.is_empty(),
            "{why:?}"
        );
        let stopped: Vec<_> = staging
            .tasks
            .list
            .iter()
            .filter(|task| task.status == "STOPPED")
            .collect();
        assert!(!stopped.is_empty() && stopped.len() <= 10, "{stopped:?}");
        for task in &stopped {
            let end = task.end.as_ref().unwrap();
            assert_eq!(end.class, Some(FailureClass::ApplicationExit));
            assert!(
                end.sentence.contains("exit code 3") && end.at.is_some(),
                "{end:?}"
            );
        }
        let up = staging
            .tasks
            .list
            .iter()
            .filter(|task| task.status == "RUNNING")
            .count();
        assert!(up >= 2, "{:?}", staging.tasks.list);
        assert_eq!((production.tasks.list.len(), production.tasks.why), (2, None));

        // It is cured, and after a while nothing of it is left.
        cloud.aws.heal_image(&digest);
        scale(2);
        pass(8).await;
        let staging = slots().await.remove(0);
        assert_eq!(
            (staging.cell.health, &staging.tasks.why),
            (Health::Healthy, &None)
        );
        assert!(
            staging.tasks.list.iter().any(|task| task.end.is_some()),
            "just now it still crashed"
        );
        cloud.pass(&store, 3_600);
        sync.tick().await.unwrap();
        let staging = slots().await.remove(0);
        assert_eq!(staging.tasks.list.len(), 2, "{:?}", staging.tasks.list);
    }
}
