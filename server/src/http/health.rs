//! `/livez`: the process answers. `/readyz`: the database answers too, so requests may be sent here.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use super::Edge;

/// Both.
pub fn router(edge: &Edge) -> Router {
    Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(ready))
        .with_state(edge.clone())
}

async fn ready(State(edge): State<Edge>) -> (StatusCode, &'static str) {
    if *edge.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match edge.db.last_seq().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
