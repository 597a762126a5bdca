//! What is unmapped, and a person's word on it.

use app::account::Role;
use app::error::ApiError;
use app::service::ServicePort;
use server::board::Boards;
use server::git::Mirrors;
use server::service::{Services, slot};

use crate::support::cloud::{ACCOUNT, Cloud, OTHER, POLICY, apply};
use crate::support::store::{Store, of_team, somebody};

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
        cloud
            .aws
            .create_cluster(OTHER, crate::support::cloud::REGION, "lab");
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
