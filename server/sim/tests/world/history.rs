//! The past: the same for one seed, and in agreement with Git, ECR and ECS.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};
use sim::aws::{Answer, Api, Caller};
use sim::world::catalogue::{ENVIRONMENTS, NONPROD, REGION, SERVICES};
use sim::world::history::{Cause, History};
use sim::world::story::{DAY, is_workday};
use sim::world::{World, WorldOptions};

async fn world(directory: &tempfile::TempDir, seed: u64) -> World {
    let options = WorldOptions::new(directory.path(), "http://127.0.0.1:9");
    World::start(WorldOptions { seed, ..options }.driven())
        .await
        .unwrap()
}

#[tokio::test]
async fn one_seed_is_one_world_and_another_seed_another() {
    let directories: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let (first, second, other) = (
        world(&directories[0], 7).await,
        world(&directories[1], 7).await,
        world(&directories[2], 8).await,
    );
    assert_eq!(*first.history(), *second.history());
    assert_ne!(first.history().builds, other.history().builds);
}

#[tokio::test]
async fn a_world_goes_on_after_a_restart_with_what_was_built_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let before = world(&directory, 1).await;
    let history = before.history();
    before
        .push("cart", "develop", "dana", "Before the restart")
        .await
        .unwrap();
    before.clock.advance(std::time::Duration::from_secs(300));
    before.ci.tick().await.unwrap();
    let run = before.ci.latest(1).remove(0);
    before.shutdown().await;

    let after = world(&directory, 1).await;
    assert_eq!(*history, *after.history());
    assert!(
        in_registry(&after, "cart", &run.digest.unwrap()),
        "the image is there again"
    );
    after.push("cart", "develop", "dana", "After it").await.unwrap();
    assert_eq!(after.ci.latest(1).remove(0).number, run.number + 1);

    let options = WorldOptions {
        seed: 2,
        ..WorldOptions::new(directory.path(), "http://127.0.0.1:9")
    };
    let refused = World::start(options.driven()).await.unwrap_err();
    assert!(format!("{refused:#}").contains("seed 1"), "{refused:#}");
}

#[tokio::test]
async fn the_history_agrees_with_git_ecr_and_ecs() {
    let directory = tempfile::tempdir().unwrap();
    let world = world(&directory, 1).await;
    let history = world.history();
    for service in SERVICES {
        let repository = world.forge.repository(service.name).unwrap();
        let git = |arguments: &[&str]| {
            let output = Command::new("git")
                .arg("--git-dir")
                .arg(&repository.path)
                .args(arguments)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let known: BTreeSet<String> = git(&["rev-list", "--all"]).lines().map(str::to_owned).collect();
        let built: BTreeSet<String> = builds(&history, service.name)
            .map(|build| build.sha.clone())
            .collect();
        assert_eq!(known, built, "every commit of {} was built", service.name);
        let branches = git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        for wanted in ["main", "develop", "feature/"] {
            assert!(
                branches.lines().any(|branch| branch.starts_with(wanted)),
                "{}: {branches}",
                service.name
            );
        }
        for build in builds(&history, service.name) {
            let Some(image) = &build.image else { continue };
            assert_eq!(
                in_registry(&world, service.name, &image.digest),
                image.present,
                "{}",
                image.digest
            );
        }
        for (environment, account) in ENVIRONMENTS {
            let deployment = history.running(service.name, environment).unwrap();
            let asked = json!({ "cluster": environment, "services": [format!("acme-{}", service.name)] });
            let answer = world.aws.ecs(account, REGION, "DescribeServices", asked).unwrap();
            let runs = answer["services"][0]["taskDefinition"]
                .as_str()
                .unwrap()
                .to_owned();
            assert_eq!(
                Some(&runs),
                deployment.task_definition.as_ref(),
                "{} in {environment}",
                service.name
            );
            let asked = json!({ "taskDefinition": runs });
            let answer = world
                .aws
                .ecs(account, REGION, "DescribeTaskDefinition", asked)
                .unwrap();
            let image = answer["taskDefinition"]["containerDefinitions"][0]["image"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(
                image.ends_with(&format!("acme/{}@{}", service.name, deployment.digest)),
                "{image}"
            );
            assert!(
                history
                    .build_of(&deployment.digest)
                    .unwrap()
                    .image
                    .as_ref()
                    .unwrap()
                    .present
            );
        }
    }
}

#[tokio::test]
async fn the_history_looks_like_months_of_work() {
    let directory = tempfile::tempdir().unwrap();
    let world = world(&directory, 1).await;
    let history = world.history();
    let mut running: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for deployment in &history.deployments {
        let slot = (deployment.service.as_str(), deployment.environment.as_str());
        assert_eq!(
            deployment.from_digest.as_deref(),
            running.get(&slot).copied(),
            "{deployment:?}"
        );
        assert!(deployment.started_at <= deployment.ended_at && deployment.ended_at < history.until);
        let build = history.build_of(&deployment.digest).unwrap();
        assert!(
            build.ended_at <= deployment.started_at,
            "built before it is deployed: {deployment:?}"
        );
        if deployment.environment == "production" {
            assert!(
                build.branch == "main" || build.branch.starts_with("hotfix/"),
                "{deployment:?}"
            );
        }
        if deployment.succeeded() {
            running.insert(slot, &deployment.digest);
        }
    }
    for (environment, _) in ENVIRONMENTS {
        let here = || {
            history
                .deployments
                .iter()
                .filter(|deployment| deployment.environment == *environment)
        };
        let made = here()
            .filter(|deployment| deployment.cause != Cause::Baseline)
            .count();
        assert!(
            (50..140).contains(&made),
            "{environment}: {made} deployments in 17 weeks"
        );
        let failed = here().filter(|deployment| !deployment.succeeded()).count();
        assert!(
            (failed * 100 / made) >= 3 && (failed * 100 / made) <= 25,
            "{environment}: {failed} of {made} failed"
        );
        let midnight = |at: i64| at - at.rem_euclid(DAY);
        let weekend = here()
            .filter(|deployment| !is_workday(midnight(deployment.started_at)))
            .count();
        assert!(weekend * 10 < made + 13, "{environment}: {weekend} on weekends");
    }
    for train in &history.trains {
        let of = |id: &u64| {
            history
                .deployments
                .iter()
                .find(|deployment| deployment.id == *id)
                .unwrap()
        };
        assert!(!train.deployments.is_empty());
        for car in train.deployments.iter().map(of) {
            assert_eq!(car.cause, Cause::Train { number: train.number });
            let author = &history.build_of(&car.digest).unwrap().author;
            assert!(
                ["dana", "omar", "jun"].contains(&author.as_str()),
                "{author} may have to approve"
            );
            assert!(!train.approvers.contains(author), "no author approves");
        }
    }
    let last = history
        .deployments
        .iter()
        .rfind(|deployment| deployment.environment == "production")
        .unwrap();
    assert_eq!(
        (last.service.as_str(), last.succeeded()),
        ("checkout", false),
        "a failure waits to be diagnosed"
    );
    let restored: History = serde_json::from_str(&serde_json::to_string(&*history).unwrap()).unwrap();
    assert_eq!(restored, *history);
}

fn builds<'a>(
    history: &'a History,
    service: &'a str,
) -> impl Iterator<Item = &'a sim::world::history::Build> {
    history
        .builds
        .iter()
        .filter(move |build| build.service == service)
}

/// Whether ECR has an image, asked by its API.
fn in_registry(world: &World, service: &str, digest: &str) -> bool {
    image(world, service, digest).is_some()
}

/// The image as DescribeImages tells of it.
pub fn image(world: &World, service: &str, digest: &str) -> Option<Value> {
    let caller = Caller {
        account: NONPROD.into(),
        region: REGION.into(),
        access_key: format!("ASIA{NONPROD}TEST"),
    };
    let asked =
        json!({ "repositoryName": format!("acme/{service}"), "imageIds": [{ "imageDigest": digest }] });
    match world.aws.invoke(Api::Ecr, "DescribeImages", &caller, &asked) {
        Answer::Done(answer) => Some(answer["imageDetails"][0].clone()),
        Answer::Failed(_) => None,
        Answer::Hangup => panic!("ECR hung up"),
    }
}
