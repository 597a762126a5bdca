//! The faces of a page that has nothing, something old, or a problem to show.

use std::sync::Arc;

use leptos::children::ViewFnOnce;
use leptos::either::Either;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use serde::de::DeserializeOwned;

use super::page::PageHead;
use super::query::encode;
use super::time::clock_text;
use crate::error::ApiError;
use crate::text::Freshness;
use crate::wire::{Answer, read};

/// Shows what was answered, or why nothing was. While it is asked anew, the old content stays.
pub fn loaded<T, V>(answer: Answer, face: impl Fn(T) -> V + Send + Sync + 'static) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    either(answer, Loading, face, |error| {
        view! { <ErrorNote error /> }.into_any()
    })
}

/// The same for a page whose head comes with its data: where there are none, the problem has a head of its own.
pub fn loaded_page<T, V>(answer: Answer, face: impl Fn(T) -> V + Send + Sync + 'static) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    either(answer, Loading, face, |error| {
        let title = match error {
            ApiError::NotFound(_) => "Not found",
            ApiError::Forbidden(_) => "Not allowed",
            ApiError::Unauthenticated => "Not logged in",
            _ => "Not available",
        };
        view! {
            <PageHead title />
            <ErrorNote error />
        }
        .into_any()
    })
}

/// One face for the answer, one for a problem, and one until either is there.
pub(super) fn either<T, V>(
    answer: Answer,
    wait: impl Into<ViewFnOnce>,
    face: impl Fn(T) -> V + Send + Sync + 'static,
    problem: fn(ApiError) -> AnyView,
) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    let face = move |text: String| match read::<T>(&text) {
        Ok(value) => face(value).into_any(),
        Err(error) => problem(error),
    };
    awaited(answer, wait.into(), Arc::new(face))
}

/// The part of [`either`] that knows no type, so that the bundle has it once.
fn awaited(answer: Answer, wait: ViewFnOnce, face: Arc<dyn Fn(String) -> AnyView + Send + Sync>) -> AnyView {
    view! {
        <Transition fallback=wait>
            {move || {
                let face = face.clone();
                Suspend::new(async move { face(answer.await) })
            }}
        </Transition>
    }
    .into_any()
}

/// Shown while a page's data is on its way.
#[component]
pub fn Loading() -> impl IntoView {
    view! { <p class="loading" role="status">"Loading…"</p> }
}

/// Nothing to show, and why that is, or what to do about it.
#[component]
pub fn EmptyState(
    #[prop(into)] title: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="empty-title">{title}</p>
            {children.map(|children| view! { <div>{children()}</div> })}
        </div>
    }
}

/// Why a page could not be shown, and the way on. Somebody who is not logged in is sent to the login page.
#[component]
pub fn ErrorNote(error: ApiError) -> impl IntoView {
    let location = use_location();
    let search = location.search.get_untracked();
    let path = location.pathname.get_untracked();
    let here = if search.is_empty() {
        path
    } else {
        format!("{path}?{}", search.trim_start_matches('?'))
    };
    if error == ApiError::Unauthenticated {
        let login = format!("/login?return_to={}", encode(&here));
        #[cfg(feature = "ssr")]
        if let Ok(backend) = crate::backend::backend() {
            backend.reply.redirect(&login);
        }
        return Either::Left(view! {
            <div class="note bad" role="alert">
                <p>"You are not logged in, or your session has ended."</p>
                <p>
                    <a class="button" href=login rel="external">"Log in"</a>
                </p>
            </div>
        });
    }
    let retry = matches!(
        error,
        ApiError::Unavailable(_) | ApiError::Internal(_) | ApiError::Conflict(_)
    );
    Either::Right(view! {
        <div class="note bad" role="alert">
            <p>{error.to_string()}</p>
            <p>
                {retry
                    .then(|| {
                        view! {
                            <a href=here rel="external">"Try again"</a>
                            " · "
                        }
                    })}
                <a href="/">"Go to the board"</a>
            </p>
        </div>
    })
}

/// "as of 12:03 UTC", marked where it is old or cannot be read.
#[component]
pub fn FreshnessNote(
    freshness: Freshness,
    /// What it speaks of: "prod · eu-west-1".
    #[prop(optional, into)]
    name: String,
) -> impl IntoView {
    let bad = freshness.stale || freshness.problem.is_some();
    let as_of = match freshness.as_of {
        Some(at) => format!("as of {}", clock_text(at)),
        None => "not read yet".to_owned(),
    };
    view! {
        <span class=if bad { "fresh stale" } else { "fresh" }>
            {(!name.is_empty()).then(|| format!("{name} "))} {as_of}
            {freshness.stale.then_some(" · stale")}
            {freshness.problem.map(|problem| format!(" · {problem}"))}
        </span>
    }
}
