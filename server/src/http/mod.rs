//! The edge: one router for pages, server functions, log-in, webhooks and live events, and the layers in front of it.
//!
//! From outside in: request log, security headers with the nonce, compression, panic guard, size of the request,
//! cross-site guard, session, who is asking, may they ask at all ([`access`], default deny), then the handler.

pub mod access;
mod assets;
mod csrf;
mod headers;
mod health;
mod identify;
mod page_task;
mod pages;
mod session;
mod sse;
mod theme;

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use app::backend::Backend;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use url::Url;

pub use assets::find_site;
pub use pages::{Silent, page_paths, register_server_functions};
pub use session::{IDLE_MILLIS, LIFE_MILLIS, public_id};

use crate::auth::login::{self, Logins};
use crate::db::Db;

/// What the edge needs of the program.
#[derive(Clone)]
pub struct Edge {
    /// The database, for sessions, people and events.
    pub db: Db,
    /// How browsers reach us.
    pub public_url: Url,
    /// Ways to log in.
    pub logins: Arc<Logins>,
    /// The ports behind the pages.
    pub backend: Backend,
    /// Folder with the browser bundle, style sheet and public files.
    pub site: PathBuf,
    /// Asked to stop: live streams end, so that the server can.
    pub stopping: tokio::sync::watch::Receiver<bool>,
}

/// The longest request people's pages send, with room to spare.
const LARGEST_REQUEST: usize = 256 * 1024;

/// Everything behind one address. `hooks` is the inbox's router.
pub fn router(edge: &Edge, hooks: Router) -> Router {
    let people = Router::new()
        .route("/auth/login/{provider}", get(login::start))
        .route("/auth/callback/{provider}", get(login::callback))
        .route("/auth/logout", post(login::log_out))
        .route("/theme", post(theme::choose))
        .route("/events", get(sse::stream))
        .with_state(edge.clone())
        .merge(pages::router(edge))
        .layer(from_fn(access::guard))
        .layer(from_fn_with_state(edge.clone(), identify::identify))
        .layer(session::layer(edge))
        .layer(map_response(session::take_back))
        .layer(from_fn_with_state(edge.clone(), csrf::guard))
        // Counts what is read, whoever reads it: server functions take bodies without axum's extractors.
        .layer(RequestBodyLimitLayer::new(LARGEST_REQUEST));
    let assets = assets::router(&edge.site);
    Router::new()
        .merge(people)
        .merge(assets)
        .merge(health::router(edge).layer(from_fn(access::guard)))
        // Inside the headers, so that its answer carries them too.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(
            CompressionLayer::new()
                .br(true)
                .gzip(true)
                .quality(tower_http::CompressionLevel::Fastest),
        )
        .layer(from_fn_with_state(edge.clone(), headers::secure))
        .merge(
            hooks
                .layer(from_fn(access::guard))
                .layer(CatchPanicLayer::custom(panicked)),
        )
        .layer(
            tower_http::trace::TraceLayer::new_for_http()
                .make_span_with(|request: &axum::extract::Request| {
                    // The path only: a query may carry codes and states of a log-in.
                    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
                })
                .on_failure(()),
        )
}

/// A panic is a fault of ours: the log says what, the browser only that.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    tracing::error!(name: "request.panicked", what = panic_text(&*panic), "a handler panicked");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong on our side. The log says what.",
    )
        .into_response()
}

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}
