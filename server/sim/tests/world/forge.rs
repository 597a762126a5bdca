//! A push: in Git, at the receiver of its webhooks, and as an image in ECR.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use sim::world::{World, WorldOptions};

use crate::receiver::Receiver;

const SECRET: &str = "demo-webhook-secret";
const FIVE_MINUTES: Duration = Duration::from_secs(300);

async fn world(directory: &tempfile::TempDir, receiver: &Receiver) -> World {
    World::start(WorldOptions::new(directory.path(), &receiver.url()).driven())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_push_is_a_commit_in_git_and_a_signed_webhook() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start(SECRET).await);
    let world = world(&directory, &receiver).await;
    let pushed = world
        .push("cart", "feature/gift-wrap", "dana", "Wrap gifts")
        .await
        .unwrap();
    world.forge.webhooks().flushed().await;

    let shown = Command::new("git")
        .arg("--git-dir")
        .arg(&pushed.repository.path)
        .args(["log", "-1", "--format=%H %an %ae %s", "feature/gift-wrap"])
        .output()
        .unwrap();
    let expected = format!("{} Dana Developer dana@acme.example Wrap gifts\n", pushed.sha);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), expected);

    let deliveries = receiver.deliveries();
    let push = deliveries
        .iter()
        .find(|delivery| delivery.event == "push")
        .unwrap();
    assert_eq!(push.id.len(), 36);
    assert_eq!(push.body["ref"], "refs/heads/feature/gift-wrap");
    assert_eq!(push.body["after"], pushed.sha);
    assert_eq!(push.body["created"], true);
    assert_eq!(push.body["repository"]["full_name"], "acme/cart");
    assert_eq!(push.body["commits"][0]["author"]["username"], "dana");

    let clone = push.body["repository"]["clone_url"].as_str().unwrap();
    let mirror = directory.path().join("mirror");
    let cloned = Command::new("git")
        .args(["clone", "--quiet", "--mirror", clone])
        .arg(&mirror)
        .status()
        .unwrap();
    assert!(cloned.success(), "a mirror can be made from {clone}");
    world.shutdown().await;
}

#[tokio::test]
async fn a_push_to_main_is_the_merge_of_a_pull_request() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start(SECRET).await);
    let world = world(&directory, &receiver).await;
    let mut merged = Vec::new();
    for (branch, author) in [("main", "dana"), ("develop", "jun"), ("main", "omar")] {
        merged.push(
            world
                .push("cart", branch, author, "Wrap gifts")
                .await
                .unwrap()
                .sha,
        );
    }
    merged.remove(1);
    world.forge.webhooks().flushed().await;

    let deliveries = receiver.deliveries();
    let of_pulls = || {
        deliveries
            .iter()
            .filter(|delivery| delivery.event == "pull_request")
    };
    let told: Vec<_> = of_pulls()
        .map(|delivery| {
            assert_eq!(delivery.body["action"], "closed");
            let pull = &delivery.body["pull_request"];
            assert_eq!(
                (&pull["merged"], &pull["base"]["ref"]),
                (&json!(true), &json!("main"))
            );
            assert_eq!(pull["base"]["repo"]["full_name"], "acme/cart");
            (
                pull["user"]["login"].as_str().unwrap(),
                pull["merge_commit_sha"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("dana", merged[0].as_str()), ("omar", merged[1].as_str())]);
    let numbers: Vec<_> = of_pulls()
        .map(|delivery| delivery.body["number"].as_u64().unwrap())
        .collect();
    assert!(numbers[0] > 0 && numbers[1] == numbers[0] + 1, "{numbers:?}");
    world.shutdown().await;
}

#[tokio::test]
async fn a_build_tells_every_stage_in_order_and_leaves_an_image() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start(SECRET).await);
    let world = world(&directory, &receiver).await;
    let pushed = world.push("search", "main", "omar", "Rank better").await.unwrap();
    world.advance(FIVE_MINUTES).await.unwrap();

    let deliveries = receiver.deliveries();
    let runs: Vec<_> = deliveries
        .iter()
        .filter(|delivery| delivery.event == "workflow_run")
        .collect();
    let actions: Vec<_> = runs
        .iter()
        .map(|run| run.body["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["requested", "in_progress", "completed"]);
    let last = &runs[2].body["workflow_run"];
    assert_eq!(
        (&last["conclusion"], &last["head_sha"]),
        (&json!("success"), &json!(pushed.sha))
    );
    assert_eq!(
        (&last["event"], &last["head_branch"]),
        (&json!("push"), &json!("main"))
    );
    assert_eq!(last["head_repository"]["full_name"], "acme/search");
    let done = deliveries
        .iter()
        .filter(|delivery| delivery.event == "workflow_job" && delivery.body["action"] == "completed")
        .map(|delivery| delivery.body["workflow_job"]["name"].as_str().unwrap());
    let done: Vec<_> = done.collect();
    assert_eq!(done.len(), 6, "{done:?}");
    assert!(done.contains(&"unit tests") && done.last() == Some(&"build image"));

    let run = world.ci.latest(1).remove(0);
    let digest = run.digest.expect("the image was pushed");
    let image = crate::history::image(&world, "search", &digest).expect("ECR has it");
    let tags: Vec<_> = image["imageTags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag.as_str().unwrap())
        .collect();
    assert!(tags.contains(&pushed.sha.as_str()), "{tags:?}");
    assert!(
        tags.iter()
            .any(|tag| tag.starts_with(&format!("main-{}-2026061", &pushed.sha[..7]))),
        "{tags:?}"
    );
    world.shutdown().await;
}

#[tokio::test]
async fn a_failing_build_leaves_no_image_and_skips_what_follows() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start(SECRET).await);
    let world = world(&directory, &receiver).await;
    world
        .push("search", "develop", "omar", "Break it\n\nci: fail")
        .await
        .unwrap();
    world.advance(FIVE_MINUTES).await.unwrap();
    assert_eq!(world.ci.latest(1).remove(0).digest, None);
    let deliveries = receiver.deliveries();
    let ended = |name: &str| {
        let of =
            |body: &serde_json::Value| body["action"] == "completed" && body["workflow_job"]["name"] == name;
        let found = deliveries.iter().find(|delivery| of(&delivery.body)).unwrap();
        found.body["workflow_job"]["conclusion"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        (ended("unit tests"), ended("build image")),
        ("failure".into(), "skipped".into())
    );
    let run = deliveries
        .iter()
        .rfind(|delivery| delivery.event == "workflow_run")
        .unwrap();
    assert_eq!(run.body["workflow_run"]["conclusion"], "failure");
    world.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_pushed_is_refused_with_a_reason_and_writes_nothing() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start(SECRET).await);
    let world = world(&directory, &receiver).await;
    for (service, branch, author, message, why) in [
        ("nothing", "main", "dana", "Hello", "no repository acme/nothing"),
        ("cart", "../main", "dana", "Hello", "not a branch name"),
        ("cart", "main", "mallory", "Hello", "nobody is called"),
        (
            "cart",
            "main",
            "dana",
            "Hello\n\nrelease: explode",
            "cannot-pull, exits",
        ),
        ("cart", "main", "dana", " ", "needs a message"),
    ] {
        let error = world.push(service, branch, author, message).await.unwrap_err();
        assert!(format!("{error:#}").contains(why), "{error:#}");
    }
    assert!(world.ci.latest(1).is_empty());
    world.shutdown().await;
}

#[tokio::test]
async fn the_page_pushes_and_other_sites_cannot() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start(SECRET).await);
    let world = world(&directory, &receiver).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = [
        ("service", "web"),
        ("branch", "develop"),
        ("author", "dana"),
        ("kind", "oom"),
        ("message", ""),
    ];
    let push = |site: &'static str| {
        let url = format!("{}/push", world.forge_url);
        http.post(url).header("sec-fetch-site", site).form(&form).send()
    };
    assert_eq!(push("cross-site").await.unwrap().status(), 400);
    let page = push("same-origin").await.unwrap().text().await.unwrap();
    assert!(page.contains("Improve web") && page.contains("queued"), "{page}");

    let url = format!("{}/_forge/push", world.forge_url);
    let body = json!({ "service": "web", "branch": "main", "author": "omar", "message": "By machine" });
    let answer: serde_json::Value = http
        .post(url)
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let state = http
        .get(format!("{}/_forge/state", world.forge_url))
        .send()
        .await
        .unwrap();
    let state: serde_json::Value = state.json().await.unwrap();
    assert_eq!(state["runs"][0]["sha"], answer["sha"]);
    world.shutdown().await;
}
