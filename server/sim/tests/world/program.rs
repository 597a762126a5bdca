//! The world as a process of its own.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

fn sim(directory: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command
        .args(["serve", "--driven", "--data"])
        .arg(directory.path().join("data"));
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("RUST_BACKTRACE")
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn it_prints_its_addresses_builds_when_time_is_moved_and_ends_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = sim(&directory).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let urls: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let at = |part: &str, path: &str| format!("{}{path}", urls[part].as_str().unwrap());

    let push = json!({ "service": "cart", "branch": "main", "author": "dana", "message": "By machine" });
    let pushed = http
        .post(at("forge", "/_forge/push"))
        .json(&push)
        .send()
        .await
        .unwrap();
    assert!(pushed.status().is_success());
    let moved = http
        .post(at("aws", "/_sim/advance"))
        .json(&json!({ "millis": 300_000 }))
        .send()
        .await
        .unwrap();
    assert!(moved.status().is_success());
    // The CI notices by itself that time was moved.
    loop {
        let state = http.get(at("forge", "/_forge/state")).send().await.unwrap();
        let state: Value = state.json().await.unwrap();
        if state["idle"] == true {
            assert_eq!(state["runs"][0]["conclusion"], "success");
            break;
        }
        tokio::task::yield_now().await;
    }
    let found = http
        .get(at("issuer", "/.well-known/openid-configuration"))
        .send()
        .await
        .unwrap();
    assert!(found.status().is_success());

    let told = Command::new("kill")
        .arg(child.id().unwrap().to_string())
        .status()
        .await
        .unwrap();
    assert!(told.success());
    assert!(
        child.wait().await.unwrap().success(),
        "being told to end is no failure"
    );
}

#[tokio::test]
async fn without_git_it_says_what_to_install() {
    let directory = tempfile::tempdir().unwrap();
    let output = sim(&directory)
        .env("PATH", directory.path())
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("install git"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}
