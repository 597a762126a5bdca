//! The faces of a page that has nothing, something old, or a problem to show.

use std::sync::Arc;

use leptos::children::ViewFnOnce;
use leptos::either::Either;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use serde::de::DeserializeOwned;

use super::page::PageHead;
use super::query::encode;
use super::time::{clock_text, utc_text};
use crate::error::ApiError;
use crate::text::{Freshness, Millis};
use crate::wire::{Answer, read, read_outcome};

/// A reading older than this is dated: its clock alone would look like today's.
const DATED: Millis = 12 * 3_600_000;

/// Where an answer belongs. While the place is the same, a passing failure leaves the last good answer on the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// To one address: another one asks something else.
    Address,
    /// To every page.
    Anywhere,
}

/// Shows what was answered, or why nothing was. While it is asked anew, and where that fails for a moment, the old
/// content stays.
pub fn loaded<T, V>(answer: Answer, face: impl Fn(T) -> V + Send + Sync + 'static) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    either(answer, Place::Address, Loading, face, |error| {
        view! { <ErrorNote error /> }.into_any()
    })
}

/// The same for a page whose head comes with its data: where there are none, the problem has a head of its own.
pub fn loaded_page<T, V>(answer: Answer, face: impl Fn(T) -> V + Send + Sync + 'static) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    either(answer, Place::Address, Loading, face, error_page)
}

/// A problem with a head of its own.
pub(super) fn error_page(error: ApiError) -> AnyView {
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
}

/// One face for the answer, one for a problem, and one until either is there.
pub(super) fn either<T, V>(
    answer: Answer,
    place: Place,
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
    awaited(answer, place, wait.into(), Arc::new(face))
}

/// The part of [`either`] that knows no type, so that the bundle has it once.
fn awaited(
    answer: Answer,
    place: Place,
    wait: ViewFnOnce,
    face: Arc<dyn Fn(String) -> AnyView + Send + Sync>,
) -> AnyView {
    let location = use_location();
    let kept = StoredValue::new((String::new(), String::new()));
    let best = move |text: String| {
        // The server answers once.
        if cfg!(feature = "ssr") {
            return text;
        }
        let here = match place {
            Place::Address => location.pathname.get_untracked() + &location.search.get_untracked(),
            Place::Anywhere => String::new(),
        };
        match read_outcome(&text) {
            Ok(()) => {
                // A page that is gone by now keeps nothing.
                kept.try_set_value((here, text.clone()));
                text
            }
            Err(ApiError::Unavailable(_) | ApiError::Internal(_)) => match kept.try_get_value() {
                Some((place, good)) if place == here && !good.is_empty() => good,
                _ => text,
            },
            Err(_) => text,
        }
    };
    view! {
        <Transition fallback=wait>
            {move || {
                let face = face.clone();
                Suspend::new(async move { face(best(answer.await)) })
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

/// "as of 12:03 UTC", marked where it is old or cannot be read, and then with its date.
#[component]
pub fn FreshnessNote(
    freshness: Freshness,
    /// When the page's data were put together.
    now: Millis,
    /// What it speaks of: "prod · eu-west-1".
    #[prop(optional, into)]
    name: String,
) -> impl IntoView {
    let bad = freshness.stale || freshness.problem.is_some();
    let as_of = match freshness.as_of {
        Some(at) if bad || now - at > DATED => format!("as of {}", utc_text(at)),
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

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use super::*;

    #[test]
    fn an_old_reading_is_dated() {
        const NOON: Millis = 1_772_452_800_000;
        let html = |age: Millis, stale| {
            let freshness = Freshness {
                as_of: Some(NOON - age),
                stale,
                problem: None,
            };
            Owner::new().with(|| view! { <FreshnessNote freshness now=NOON /> }.to_html())
        };
        assert!(html(60_000, false).contains("as of 11:59 UTC"));
        assert!(html(DATED + 60_000, false).contains("as of 1 Mar 2026 23:59 UTC"));
        assert!(html(60_000, true).contains("as of 2 Mar 2026 11:59 UTC"));
    }
}
