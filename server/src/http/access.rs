//! The permission table: every path, and who may ask it at all. A path that is not here is refused, so that nothing is
//! open by being forgotten. Finer rules (this environment, not an author) stand in the service functions.

use app::account::{Actor, Permission};
use app::error::ApiError;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use server_fn::error::ServerFnUrlError;
use url::{Position, Url};

use crate::auth::safe_path;

/// Who may ask a path at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Anybody who is logged in, with or without a role.
    LoggedIn,
    /// Anybody who has this right somewhere.
    Somewhere(Permission),
}

use Access::{LoggedIn, Public, Somewhere};
use Permission::{Approve, Audit, Configure, Deploy, RollBack, View};

/// Every path of pages, server functions and the program's own routes.
pub const TABLE: &[(&str, Access)] = &[
    // Pages: everyone may open them; what they show is asked through server functions and ports.
    ("/", LoggedIn),
    ("/login", Public),
    ("/services/{name}", LoggedIn),
    ("/unmapped", LoggedIn),
    ("/environments/{name}", LoggedIn),
    ("/trains/{environment}/{number}", LoggedIn),
    ("/approvals", LoggedIn),
    ("/deployments/{id}", LoggedIn),
    ("/rollback/{service}/{environment}", LoggedIn),
    ("/builds", LoggedIn),
    ("/deliveries", LoggedIn),
    ("/metrics", LoggedIn),
    ("/audit", LoggedIn),
    ("/people", LoggedIn),
    ("/sessions", LoggedIn),
    // The program's own routes.
    ("/auth/login/{provider}", Public),
    ("/auth/callback/{provider}", Public),
    ("/auth/logout", Public),
    ("/theme", Public),
    ("/events", Somewhere(View)),
    // Machines: a delivery's signature decides, and whether we are up is no secret.
    ("/hooks/{source}", Public),
    ("/livez", Public),
    ("/readyz", Public),
    // Server functions.
    ("/ui/account/header", LoggedIn),
    ("/ui/account/providers", Public),
    ("/ui/account/sessions", LoggedIn),
    ("/ui/account/revoke-session", LoggedIn),
    ("/ui/account/people", Somewhere(View)),
    ("/ui/account/map-author", Somewhere(Configure)),
    ("/ui/audit/list", Somewhere(Audit)),
    ("/ui/board/board", Somewhere(View)),
    ("/ui/build/list", Somewhere(View)),
    ("/ui/build/deliveries", Somewhere(View)),
    ("/ui/deployment/read", Somewhere(View)),
    ("/ui/deployment/rollback-plan", Somewhere(View)),
    ("/ui/deployment/roll-back", Somewhere(RollBack)),
    ("/ui/deployment/cancel", Somewhere(RollBack)),
    ("/ui/deployment/resolve", Somewhere(RollBack)),
    ("/ui/deployment/vouch", Somewhere(RollBack)),
    ("/ui/deployment/allow-again", Somewhere(Deploy)),
    ("/ui/environment/read", Somewhere(View)),
    ("/ui/metric/read", Somewhere(View)),
    ("/ui/service/service", Somewhere(View)),
    ("/ui/service/unmapped", Somewhere(View)),
    ("/ui/service/map", Somewhere(Configure)),
    ("/ui/train/read", Somewhere(View)),
    ("/ui/train/approvals", Somewhere(View)),
    ("/ui/train/seal", Somewhere(Deploy)),
    ("/ui/train/reopen", Somewhere(Deploy)),
    ("/ui/train/approve", Somewhere(Approve)),
    ("/ui/train/reject", Somewhere(Approve)),
    ("/ui/train/depart", Somewhere(Deploy)),
    ("/ui/train/hold", Somewhere(Deploy)),
    ("/ui/train/release", Somewhere(Deploy)),
    ("/ui/train/cancel", Somewhere(Deploy)),
];

/// Who may ask a path; `None` is nobody.
pub fn access(path: &str) -> Option<Access> {
    TABLE
        .iter()
        .find(|(listed, _)| *listed == path)
        .map(|(_, access)| *access)
}

/// Whether somebody (or nobody) passes.
///
/// # Errors
/// What to answer.
pub fn check(access: Option<Access>, actor: Option<&Actor>) -> Result<(), ApiError> {
    match (access, actor) {
        (None, _) => Err(ApiError::NotFound("This page".to_owned())),
        (Some(Public), _) | (Some(LoggedIn), Some(_)) => Ok(()),
        (Some(_), None) => Err(ApiError::Unauthenticated),
        (Some(Somewhere(permission)), Some(actor)) => {
            crate::auth::require_view(actor)?;
            let anywhere_at_all = crate::auth::may_somewhere(actor, permission);
            anywhere_at_all
                .then_some(())
                .ok_or_else(|| ApiError::Forbidden(format!("None of your roles may {}.", permission.word())))
        }
    }
}

/// Refuses who may not, before the handler runs.
pub async fn guard(request: Request, next: Next) -> Response {
    let Some(path) = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned())
    else {
        // No route matched: the fallback answers 404.
        return next.run(request).await;
    };
    let verdict = check(access(&path), request.extensions().get::<Actor>());
    match verdict {
        Ok(()) => next.run(request).await,
        Err(ApiError::Unauthenticated) if wants_page(&request) => {
            let target = request.uri().path_and_query();
            to_login(target.map_or("/", |target| target.as_str()))
        }
        Err(error) if is_plain_form(&request) => back_with(&error, &request),
        Err(error) => refuse(&error),
    }
}

fn to_login(return_to: &str) -> Response {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", return_to)
        .finish();
    Redirect::to(&format!("/login?{query}")).into_response()
}

/// A form that a browser posted without scripts, which shows whatever is answered.
fn is_plain_form(request: &Request) -> bool {
    request.method() == Method::POST
        && request
            .headers()
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"))
}

/// Sends the browser back to the page with the form, which says what was wrong; by the login page where nobody is
/// logged in any more.
fn back_with(error: &ApiError, request: &Request) -> Response {
    let referer = request.headers().get(header::REFERER);
    let mut page = referer
        .and_then(|referer| Url::parse(referer.to_str().ok()?).ok())
        .map(|page| page.to_string())
        .unwrap_or_default();
    ServerFnUrlError::<ApiError>::strip_error_info(&mut page);
    let Ok(page) = Url::parse(&page) else {
        return match error {
            ApiError::Unauthenticated => to_login("/"),
            _ => refuse(error),
        };
    };
    // Only its path: wherever it says it is, we send nobody elsewhere.
    let path = |page: &Url| safe_path(page[Position::BeforePath..Position::AfterQuery].trim_end_matches('?'));
    if *error == ApiError::Unauthenticated {
        return to_login(&path(&page));
    }
    match ServerFnUrlError::new(request.uri().path(), error.clone()).to_url(page.as_str()) {
        Ok(page) => Redirect::to(&path(&page)).into_response(),
        Err(_) => refuse(error),
    }
}

fn wants_page(request: &Request) -> bool {
    request.method() == Method::GET
        && request
            .headers()
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*"))
        && request.uri().path() != "/events"
}

/// The error as server functions send it.
fn refuse(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(error)).into_response()
}
