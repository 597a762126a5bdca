//! The world's strings for tests in other processes: a small JSON API under `/_sim/`.

use super::{AlarmState, Aws, Failure, Fault, ImageSpec, Script};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

type Reply = (StatusCode, Json<Value>);

/// The control endpoints of `aws`, to be merged beside [`Aws::router`].
pub fn router(aws: Arc<Aws>) -> Router {
    Router::new()
        .route("/_sim/advance", post(advance))
        .route("/_sim/ledger", get(ledger))
        .route("/_sim/calls", get(calls).delete(reset_calls))
        .route("/_sim/operations", get(operations))
        .route("/_sim/fault", post(fault))
        .route("/_sim/script-image", post(script_image))
        .route("/_sim/script", post(script))
        .route("/_sim/alarm", post(alarm))
        .route("/_sim/push-image", post(push_image))
        .route("/_sim/image-archive", post(archive))
        .route("/_sim/unreachable", post(unreachable))
        .with_state(aws)
}

fn done(value: Value) -> Reply {
    (StatusCode::OK, Json(value))
}

#[derive(Deserialize)]
struct Advance {
    millis: u64,
}

async fn advance(State(aws): State<Arc<Aws>>, Json(asked): Json<Advance>) -> Reply {
    if aws.clock().advance(Duration::from_millis(asked.millis)) {
        done(json!({ "now_millis": aws.clock().now_millis() }))
    } else {
        (
            StatusCode::CONFLICT,
            Json(json!({ "error": "the clock runs by itself and cannot be advanced" })),
        )
    }
}

async fn ledger(State(aws): State<Arc<Aws>>) -> Reply {
    done(json!(aws.ledger().entries()))
}

async fn operations() -> Reply {
    done(json!(Aws::operations()))
}

async fn calls(State(aws): State<Arc<Aws>>) -> Reply {
    done(json!(aws.calls()))
}

async fn reset_calls(State(aws): State<Arc<Aws>>) -> Reply {
    aws.reset_calls();
    done(json!({}))
}

#[derive(Deserialize)]
struct FaultAsked {
    operation: String,
    fault: Fault,
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

async fn fault(State(aws): State<Arc<Aws>>, Json(asked): Json<FaultAsked>) -> Reply {
    aws.fault(&asked.operation, asked.fault, asked.times);
    done(json!({}))
}

/// `failure` is `"cannot-pull"`, `{"exits":{"code":1}}` …, or null to heal the image.
#[derive(Deserialize)]
struct ScriptImage {
    digest: String,
    failure: Option<Failure>,
}

async fn script_image(State(aws): State<Arc<Aws>>, Json(asked): Json<ScriptImage>) -> Reply {
    match asked.failure {
        Some(failure) => aws.script_image(&asked.digest, failure),
        None => aws.heal_image(&asked.digest),
    }
    done(json!({}))
}

/// How the next `times` deployments of a service fail; no failure gives it back to nature.
#[derive(Deserialize)]
struct ScriptAsked {
    account: String,
    cluster: String,
    service: String,
    failure: Option<Failure>,
    #[serde(default = "once")]
    times: u32,
}

async fn script(State(aws): State<Arc<Aws>>, Json(asked): Json<ScriptAsked>) -> Reply {
    let script = asked
        .failure
        .map_or(Script::Natural, |failure| Script::FailNext(failure, asked.times));
    match aws.script(&asked.account, &asked.cluster, &asked.service, script) {
        Ok(()) => done(json!({})),
        Err(error) => (StatusCode::NOT_FOUND, Json(json!({ "error": error.to_string() }))),
    }
}

#[derive(Deserialize)]
struct AlarmAsked {
    account: String,
    region: String,
    name: String,
    state: AlarmState,
}

async fn alarm(State(aws): State<Arc<Aws>>, Json(asked): Json<AlarmAsked>) -> Reply {
    aws.put_alarm(&asked.account, &asked.region, &asked.name, asked.state);
    done(json!({}))
}

#[derive(Deserialize)]
struct PushImage {
    account: String,
    region: String,
    repository: String,
    #[serde(flatten)]
    image: ImageSpec,
}

async fn push_image(State(aws): State<Arc<Aws>>, Json(asked): Json<PushImage>) -> Reply {
    let digest = aws.push_image(&asked.account, &asked.region, &asked.repository, asked.image);
    done(json!({ "digest": digest }))
}

#[derive(Deserialize)]
struct Archive {
    account: String,
    region: String,
    repository: String,
    digest: String,
    archived: bool,
}

async fn archive(State(aws): State<Arc<Aws>>, Json(asked): Json<Archive>) -> Reply {
    let found = aws.archive_image(
        &asked.account,
        &asked.region,
        &asked.repository,
        &asked.digest,
        asked.archived,
    );
    match found {
        true => done(json!({})),
        false => (
            StatusCode::NOT_FOUND,
            Json(json!({ "error": "there is no such image" })),
        ),
    }
}

#[derive(Deserialize)]
struct Unreachable {
    account: String,
    unreachable: bool,
}

async fn unreachable(State(aws): State<Arc<Aws>>, Json(asked): Json<Unreachable>) -> Reply {
    aws.unreachable(&asked.account, asked.unreachable);
    done(json!({}))
}
