//! `/login`: one plain link per identity provider. A form post could not leave the site under our content policy.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{LoadProviders, LoginProvider};
use crate::ui::{EmptyState, Query, encode, still, use_query};
use crate::wire::Question;

/// The login page.
#[component]
pub fn LoginPage() -> impl IntoView {
    let query = use_query();
    view! {
        <Title text="Log in · Yardmaster" />
        <div class="login">
            <h1>"Log in to Yardmaster"</h1>
            <p class="dim">"What runs where, what goes next, and who must agree."</p>
            {still(&[], || Question::new(LoadProviders {}), move |providers| view! { <Ways providers query=query.get_untracked() /> })}
        </div>
    }
}

#[component]
fn Ways(providers: Vec<LoginProvider>, query: Query) -> impl IntoView {
    let return_to = safe_path(query.get("return_to"));
    let none = providers.is_empty();
    let problem = query
        .get("problem")
        .map(|problem| view! { <p role="alert" class="outcome bad">{problem_words(&problem)}</p> });
    let links = providers
        .into_iter()
        .map(|provider| view! { <ProviderLink provider return_to=return_to.clone() /> })
        .collect_view();
    view! {
        {problem}
        {links}
        {none.then(|| view! {
            <EmptyState title="No way to log in is configured">
                "Add an identity provider to the configuration and start Yardmaster again."
            </EmptyState>
        })}
    }
}

#[component]
fn ProviderLink(provider: LoginProvider, return_to: String) -> impl IntoView {
    let LoginProvider { name, label, problem } = provider;
    let href = format!("/auth/login/{}?return_to={}", encode(&name), encode(&return_to));
    match problem {
        None => view! {
            <a class="button primary wide" href=href rel="external">
                {label}
            </a>
        }
        .into_any(),
        Some(problem) => view! {
            <div class="act refused">
                <a class="button wide" role="link" tabindex="0" aria-disabled="true">
                    {label}
                </a>
                <span class="why">{problem}</span>
            </div>
        }
        .into_any(),
    }
}

/// What to tell somebody whose log-in did not work. The log knows more.
fn problem_words(problem: &str) -> &'static str {
    match problem {
        "unreachable" => "The identity provider does not answer. Try again in a moment.",
        _ => "That log-in did not work. Try again; if it keeps failing, the log of Yardmaster says why.",
    }
}

/// Only a path of our own may be returned to.
fn safe_path(path: Option<String>) -> String {
    path.filter(|path| {
        let mut start = path.chars();
        start.next() == Some('/') && !matches!(start.next(), Some('/' | '\\'))
    })
    .unwrap_or_else(|| "/".to_owned())
}

#[cfg(test)]
mod tests {
    use super::safe_path;

    #[test]
    fn only_paths_of_our_own_are_returned_to() {
        assert_eq!(
            safe_path(Some("/trains/production/42?a=b".to_owned())),
            "/trains/production/42?a=b"
        );
        for foreign in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "javascript:1",
        ] {
            assert_eq!(safe_path(Some(foreign.to_owned())), "/");
        }
        assert_eq!(safe_path(None), "/");
    }
}
