//! Parts that stand still: neither changed while they are looked at, nor acted upon by script. The server alone makes
//! them, and the browser takes them over as they are, so that nothing that is only shown there is in the bundle.

use leptos::prelude::*;
use serde::de::DeserializeOwned;

use crate::wire::Question;

/// What was answered, or why nothing was, as the server shows it.
pub fn still<T, V>(question: impl FnOnce() -> Question, face: impl FnOnce(T) -> V + Send + 'static) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    #[cfg(feature = "ssr")]
    return on_the_server(question(), face);
    #[cfg(not(feature = "ssr"))]
    {
        // Neither is called here, so that neither is in the bundle.
        drop((question, face));
        taken_over()
    }
}

#[cfg(feature = "ssr")]
fn on_the_server<T, V>(question: Question, face: impl FnOnce(T) -> V + Send + 'static) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    let made = async move {
        let html = match crate::wire::read::<T>(&question.answer().await) {
            Ok(value) => face(value).into_any().to_html(),
            Err(error) => view! { <super::ErrorNote error /> }.into_any().to_html(),
        };
        view! { <div class="still" inner_html=html></div> }
    };
    Suspend::new(made).into_any()
}

/// What the server made, for as long as the address stays. Where the browser comes here by itself, or the page's query
/// changes, there is nothing to take over: then the address is loaded.
#[cfg(not(feature = "ssr"))]
fn taken_over() -> AnyView {
    let leptos_router::location::Location { pathname, search, .. } = leptos_router::hooks::use_location();
    let here = pathname.get_untracked();
    let is_there = Owner::current_shared_context().is_some_and(|context| context.during_hydration());
    Effect::new(move |before: Option<()>| {
        let (path, query) = (pathname.get(), search.get());
        if path != here || (before.is_none() && is_there) {
            return;
        }
        let query = query.trim_start_matches('?');
        let address = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        // After the router has written the address into the history.
        let load = move || window().location().replace(&address).is_ok();
        set_timeout(move || drop(load()), std::time::Duration::ZERO);
    });
    view! { <div class="still" inner_html=""></div> }.into_any()
}
