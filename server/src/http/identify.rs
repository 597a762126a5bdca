//! Who is asking: from the session to an [`Actor`] with the roles of this moment.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_sessions::Session;

use super::Edge;
use crate::account;

/// Puts the actor beside the request, where somebody is logged in.
pub async fn identify(
    State(edge): State<Edge>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let found = async {
        let Some(login) = session.get::<account::LoggedIn>(account::SESSION_KEY).await? else {
            return Ok(None);
        };
        account::actor_of(&edge.db, &login, session.id().map(|id| super::public_id(&id))).await
    }
    .await;
    match found {
        Ok(Some(actor)) => {
            request.extensions_mut().insert(actor);
        }
        Ok(None) => {}
        Err(cause) => {
            // Without the database nobody can be told apart: refuse rather than guess.
            let cause: anyhow::Error = cause;
            tracing::error!(name: "session.unreadable", cause = format!("{cause:#}"), "a session could not be read");
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                "The database does not answer. Try again in a moment.",
            )
                .into_response();
        }
    }
    next.run(request).await
}
