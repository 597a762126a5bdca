//! Webhooks as GitHub sends them: real payloads, signed, to the real route.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use hmac::{Hmac, Mac};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use server::config::WebhookSource;
use server::db::Db;
use server::inbox::{Inbox, router};
use sha2::Sha256;
use tower::ServiceExt;

/// The secret that [`source`] is configured with.
pub const SECRET: &str = "a secret for webhooks";

/// A source whose payloads may name any address below `file:///` and of GitHub.
pub fn source() -> WebhookSource {
    toml::from_str(&format!(
        r#"
        name = "github"
        forge = "github"
        secret = "{SECRET}"
        clone_prefixes = ["file:///", "https://github.com/"]
        "#
    ))
    .expect("a source")
}

/// An inbox with its route.
pub struct Door {
    pub inbox: Inbox,
    pub router: Router,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<String>,
    pub body: Value,
}

impl Door {
    /// Opens one on a database.
    pub fn open(db: &Db) -> Self {
        Self::with(db, &source())
    }

    /// Opens one for another source.
    pub fn with(db: &Db, source: &WebhookSource) -> Self {
        let inbox = Inbox::start(db.clone(), std::slice::from_ref(source));
        Self {
            router: router(inbox.clone()),
            inbox,
        }
    }

    /// Delivers a signed payload.
    pub async fn deliver(&self, delivery: &str, event: &str, body: &[u8]) -> Answer {
        self.send(signed(delivery, event, body)).await
    }

    /// Delivers a signed payload that must be taken, and applies it.
    pub async fn tell(&self, delivery: &str, event: &str, body: &Value) {
        let answer = self.deliver(delivery, event, body.to_string().as_bytes()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        self.inbox.tick().await.expect("applied");
    }

    /// Sends any request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("routes do not fail");
        let status = response.status();
        let retry_after = response
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().expect("text").to_owned());
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        Answer {
            status,
            retry_after,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }
}

/// A request with everything GitHub sends.
pub fn signed(delivery: &str, event: &str, body: &[u8]) -> Request<Body> {
    Request::post("/hooks/github")
        .header("X-GitHub-Delivery", delivery)
        .header("X-GitHub-Event", event)
        .header("X-Hub-Signature-256", signature(SECRET, body))
        .header("Content-Type", "application/json")
        .body(Body::from(body.to_vec()))
        .expect("a request")
}

/// `sha256=…`
pub fn signature(secret: &str, body: &[u8]) -> String {
    let code = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("any key will do")
        .chain_update(body)
        .finalize()
        .into_bytes();
    let digits: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// Every payload of `@octokit/webhooks-examples`, with its event.
pub fn examples() -> Vec<(String, Value)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../end2end/node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|cause| {
        panic!(
            "{}: {cause}; real webhook payloads would go untested: run `npm ci` in end2end",
            file.display()
        )
    });
    let events: Vec<Value> = serde_json::from_str(&text).expect("a list of events");
    events
        .iter()
        .flat_map(|event| {
            let name = event["name"].as_str().expect("a name").to_owned();
            let examples = event["examples"].as_array().expect("examples").clone();
            examples.into_iter().map(move |example| (name.clone(), example))
        })
        .collect()
}

/// A push of a branch.
pub fn push(clone_url: &str, branch: &str, after: &str) -> Value {
    json!({
        "ref": format!("refs/heads/{branch}"),
        "after": after,
        "repository": repository(clone_url),
    })
}

/// A run of `acme/checkout` for a commit on a branch, in a status: `queued`, `in_progress`, or how it ended.
pub fn run(clone_url: &str, id: i64, branch: &str, commit: &str, status: &str, minute: i64) -> Value {
    let (status, conclusion) = match status {
        "queued" | "in_progress" => (status, Value::Null),
        end => ("completed", json!(end)),
    };
    json!({
        "action": if status == "completed" { "completed" } else { "requested" },
        "repository": repository(clone_url),
        "workflow": { "name": "ci" },
        "workflow_run": {
            "id": id,
            "run_attempt": 1,
            "run_number": id % 1_000,
            "name": "ci",
            "event": "push",
            "head_branch": branch,
            "head_sha": commit,
            "head_repository": { "full_name": "acme/checkout" },
            "actor": { "login": "ada" },
            "status": status,
            "conclusion": conclusion,
            "html_url": format!("https://github.com/acme/checkout/actions/runs/{id}"),
            "created_at": "2026-03-02T09:00:00Z",
            "run_started_at": "2026-03-02T09:00:05Z",
            "updated_at": format!("2026-03-02T09:{minute:02}:30Z"),
        },
    })
}

/// A job of a run.
pub fn job(clone_url: &str, run: i64, id: i64, name: &str, commit: &str, status: &str) -> Value {
    let (status, conclusion) = match status {
        "queued" | "in_progress" => (status, Value::Null),
        end => ("completed", json!(end)),
    };
    json!({
        "action": status,
        "repository": repository(clone_url),
        "workflow_job": {
            "id": id,
            "run_id": run,
            "run_attempt": 1,
            "name": name,
            "workflow_name": "ci",
            "head_branch": "main",
            "head_sha": commit,
            "status": status,
            "conclusion": conclusion,
            "created_at": "2026-03-02T09:00:05Z",
            "started_at": "2026-03-02T09:00:10Z",
            "completed_at": if status == "completed" { json!("2026-03-02T09:05:00Z") } else { Value::Null },
        },
    })
}

/// Pull request 7 of `acme/checkout`, from a branch of its own into `main`, as of a minute: open, or merged as a commit.
pub fn pull_request(clone_url: &str, author: &str, head: &str, merged: Option<&str>, minute: i64) -> Value {
    let at = format!("2026-03-02T09:{minute:02}:30Z");
    let merged_at = merged.map(|_| at.clone());
    json!({
        "action": if merged.is_some() { "closed" } else { "synchronize" },
        "number": 7,
        "repository": repository(clone_url),
        "pull_request": {
            "number": 7,
            "state": if merged.is_some() { "closed" } else { "open" },
            "title": "Count the basket",
            "user": { "login": author, "id": 101, "type": "User" },
            "head": { "ref": "basket", "sha": head, "repo": repository(clone_url) },
            "base": { "ref": "main", "sha": "0".repeat(40), "repo": repository(clone_url) },
            "merged": merged.is_some(),
            "merged_at": merged_at,
            // GitHub names the commit of a trial merge until there is a real one.
            "merge_commit_sha": merged.map_or_else(|| "7".repeat(40), str::to_owned),
            "updated_at": at,
        },
    })
}

fn repository(clone_url: &str) -> Value {
    json!({ "full_name": "acme/checkout", "clone_url": clone_url, "default_branch": "main" })
}
