//! Bad releases: what a commit message asks for is what ECS then does.

use std::time::Duration;

use serde_json::{Value, json};
use sim::world::catalogue::{NONPROD, REGION};
use sim::world::{World, WorldOptions};

const CLUSTER: &str = "staging";

/// Deploys the image of the newest build as Yardmaster would: the running task definition with another digest.
fn deploy(world: &World, service: &str) -> String {
    let digest = world
        .ci
        .latest(1)
        .remove(0)
        .digest
        .expect("the build made an image");
    let ecs = |operation: &str, input: Value| world.aws.ecs(NONPROD, REGION, operation, input).unwrap();
    let running = ecs(
        "DescribeTaskDefinition",
        json!({ "taskDefinition": format!("acme-{service}-{CLUSTER}") }),
    );
    let old = &running["taskDefinition"];
    let mut containers = old["containerDefinitions"].clone();
    let image = containers[0]["image"]
        .as_str()
        .unwrap()
        .split('@')
        .next()
        .unwrap()
        .to_owned();
    containers[0]["image"] = json!(format!("{image}@{digest}"));
    let input = json!({
        "family": old["family"], "cpu": old["cpu"], "memory": old["memory"], "networkMode": old["networkMode"],
        "requiresCompatibilities": ["FARGATE"], "containerDefinitions": containers,
    });
    let made = ecs("RegisterTaskDefinition", input);
    let arn = made["taskDefinition"]["taskDefinitionArn"]
        .as_str()
        .unwrap()
        .to_owned();
    let name = format!("acme-{service}");
    ecs(
        "UpdateService",
        json!({ "cluster": CLUSTER, "service": name, "taskDefinition": arn }),
    );
    arn
}

fn service(world: &World, name: &str) -> Value {
    let asked = json!({ "cluster": CLUSTER, "services": [format!("acme-{name}")] });
    world.aws.ecs(NONPROD, REGION, "DescribeServices", asked).unwrap()["services"][0].clone()
}

async fn built(world: &World, name: &str, message: &str) {
    world.push(name, "main", "dana", message).await.unwrap();
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(30));
        world.ci.tick().await.unwrap();
    }
}

#[tokio::test]
async fn a_good_release_runs_and_a_bad_one_is_rolled_back_by_ecs() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::start(WorldOptions::new(directory.path(), "http://127.0.0.1:9").driven())
        .await
        .unwrap();
    for (name, word) in [
        ("cart", ""),
        ("web", "cannot-pull"),
        ("search", "exits"),
        ("accounts", "unhealthy"),
        ("shipping", "oom"),
    ] {
        let before = service(&world, name)["taskDefinition"].clone();
        let trailer = if word.is_empty() {
            String::new()
        } else {
            format!("\n\nrelease: {word}")
        };
        built(&world, name, &format!("A change{trailer}")).await;
        let sent = deploy(&world, name);
        world.clock.advance(Duration::from_secs(3600));
        let after = service(&world, name);
        let expected = if word.is_empty() { json!(sent) } else { before };
        assert_eq!(after["taskDefinition"], expected, "{name}, {word}: {after:#}");
        assert_eq!(after["runningCount"], after["desiredCount"], "{name}, {word}");
    }
}

#[tokio::test]
async fn a_release_that_never_gets_anywhere_stays_in_progress() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::start(WorldOptions::new(directory.path(), "http://127.0.0.1:9").driven())
        .await
        .unwrap();
    for (name, word) in [("cart", "stuck"), ("search", "no-capacity")] {
        built(&world, name, &format!("A change\n\nrelease: {word}")).await;
        let sent = deploy(&world, name);
        world.clock.advance(Duration::from_secs(3600));
        let after = service(&world, name);
        let primary = &after["deployments"][0];
        assert_eq!(
            (&primary["taskDefinition"], &primary["rolloutState"]),
            (&json!(sent), &json!("IN_PROGRESS")),
            "{word}"
        );
    }
}

#[tokio::test]
async fn a_restarted_world_still_runs_what_was_deployed() {
    let directory = tempfile::tempdir().unwrap();
    let options = WorldOptions::new(directory.path(), "http://127.0.0.1:9").driven();
    let world = World::start(options.clone()).await.unwrap();
    built(&world, "cart", "A change").await;
    let sent = deploy(&world, "cart");
    world.clock.advance(Duration::from_secs(3600));
    let known = definition(&world, &sent);
    let (untouched, start_millis) = (
        service(&world, "web")["taskDefinition"].clone(),
        world.clock.now_millis(),
    );
    world.shutdown().await;

    let world = World::start(WorldOptions {
        start_millis,
        ..options
    })
    .await
    .unwrap();
    let after = service(&world, "cart");
    assert_eq!(
        (&after["taskDefinition"], &after["runningCount"]),
        (&json!(sent), &json!(2))
    );
    assert_eq!(definition(&world, &sent), known);
    assert_eq!(service(&world, "web")["taskDefinition"], untouched);
}

/// A task definition without what its registration stamps on it.
fn definition(world: &World, arn: &str) -> Value {
    let asked = json!({ "taskDefinition": arn, "include": ["TAGS"] });
    let mut known = world
        .aws
        .ecs(NONPROD, REGION, "DescribeTaskDefinition", asked)
        .unwrap();
    known["taskDefinition"]
        .as_object_mut()
        .unwrap()
        .retain(|field, _| !field.starts_with("registered"));
    known
}
