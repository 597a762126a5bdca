//! `POST /hooks/{source}`: from raw bytes to a stored delivery.
//!
//! A correctly signed delivery is never refused for its content, however odd: senders switch a webhook off that
//! answers so, and the content can be looked at later. Headers that say which delivery it is are not content.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::Inbox;
use super::writer::{Letter, Refusal};

/// GitHub sends no more.
const BODY_LIMIT: usize = 25 * 1024 * 1024;
/// GitHub waits ten seconds; an answer after that is an answer to nobody.
const PATIENCE: Duration = Duration::from_secs(8);

/// The webhook route.
pub fn router(inbox: Inbox) -> Router {
    Router::new()
        .route("/hooks/{source}", post(receive))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(inbox)
}

async fn receive(
    State(inbox): State<Inbox>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return refuse(rejection.status(), "the body is larger than 25 MiB");
        }
        Err(_) => return refuse(StatusCode::BAD_REQUEST, "the body could not be read to its end"),
    };
    let signature = headers
        .get("x-hub-signature-256")
        .and_then(|value| value.to_str().ok());
    if !inbox.0.sources.verifies(&source, &body, signature) {
        tracing::warn!(name: "inbox.refused", bytes = body.len(), "a webhook without a right signature");
        return refuse(
            StatusCode::UNAUTHORIZED,
            "the signature is not right: check the webhook's address and secret on both sides",
        );
    }
    let (Some(delivery), Some(event)) = (
        word(&headers, "x-github-delivery"),
        word(&headers, "x-github-event"),
    ) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "X-GitHub-Delivery and X-GitHub-Event are needed: they say which delivery this is and of what",
        );
    };
    let body = String::from_utf8_lossy(&body);
    let body = if body.contains('\0') {
        body.replace('\0', "\u{fffd}")
    } else {
        body.into_owned()
    };
    let (letter, answer) = Letter::new(source, delivery, event, body);
    if inbox.0.intake.try_send(letter).is_err() {
        return busy();
    }
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(Ok(id))) => (StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response(),
        Ok(Ok(Err(Refusal::NotStored)) | Err(_)) | Err(_) => busy(),
    }
}

/// A header as a short printable word.
fn word(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .map(|text| {
            text.chars()
                .filter(|letter| !letter.is_control())
                .take(200)
                .collect::<String>()
        })
        .filter(|text| !text.trim().is_empty())
}

fn busy() -> Response {
    let mut response = refuse(
        StatusCode::SERVICE_UNAVAILABLE,
        "the delivery could not be stored now; send it again",
    );
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, header::HeaderValue::from_static("10"));
    response
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
