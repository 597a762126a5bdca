//! Server functions about people.
#![expect(
    missing_docs,
    reason = "the fields that the macro makes are the arguments, and their function says what they are"
)]

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{LoginProvider, Me, People, SessionView};
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// What the header of every page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderView {
    /// Who reads.
    pub me: Me,
    /// How many ECS services belong to no slot.
    pub unmapped: u32,
    /// Names of environments, in order.
    pub environments: Vec<String>,
}

/// The header. It leaves the page's HTTP status to the page.
#[server(name = LoadHeader, prefix = "/ui", endpoint = "account/header")]
pub async fn load_header() -> Result<HeaderView, ApiError> {
    let (backend, actor) = (backend()?, actor()?);
    let me = backend.account.me(&actor).await?;
    let unmapped = backend
        .service
        .unmapped(&actor)
        .await
        .map_or(0, |unmapped| unmapped.services.len());
    let environments = backend.environment.names(&actor).await.unwrap_or_default();
    Ok(HeaderView {
        me,
        unmapped: u32::try_from(unmapped).unwrap_or(u32::MAX),
        environments,
    })
}

/// Ways to log in. Needs nobody to be logged in.
#[server(name = LoadProviders, prefix = "/ui", endpoint = "account/providers")]
pub async fn load_providers() -> Result<Vec<LoginProvider>, ApiError> {
    answer(backend()?.account.providers().await)
}

/// The reader's live sessions.
#[server(name = LoadSessions, prefix = "/ui", endpoint = "account/sessions")]
pub async fn load_sessions() -> Result<Vec<SessionView>, ApiError> {
    answer(backend()?.account.sessions(&actor()?).await)
}

/// Ends one of the reader's sessions.
#[server(name = RevokeSession, prefix = "/ui", endpoint = "account/revoke-session")]
pub async fn revoke_session(session: String) -> Result<(), ApiError> {
    answer(backend()?.account.revoke(&actor()?, &session).await)
}

/// Authors matched to nobody.
#[server(name = LoadPeople, prefix = "/ui", endpoint = "account/people")]
pub async fn load_people() -> Result<People, ApiError> {
    answer(backend()?.account.people(&actor()?).await)
}

/// Says who an author is.
#[server(name = MapAuthor, prefix = "/ui", endpoint = "account/map-author")]
pub async fn map_author(identity: String, user: String) -> Result<(), ApiError> {
    answer(backend()?.account.map_author(&actor()?, &identity, &user).await)
}
