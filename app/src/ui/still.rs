//! Parts that the server alone makes. The browser takes them over as they are; when something is told of that they show,
//! it asks for the page again and takes the part out of it. So nothing that is only shown there is in the bundle.

use leptos::prelude::*;
use serde::de::DeserializeOwned;

use crate::wire::Question;

/// What was answered, or why nothing was, as the server shows it. It changes with what is told of these topics.
pub fn still<T, V>(
    topics: &'static [&'static str],
    question: impl FnOnce() -> Question,
    face: impl FnOnce(T) -> V + Send + 'static,
) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    #[cfg(feature = "ssr")]
    return on_the_server(topics, question(), face, |error| {
        view! { <super::ErrorNote error /> }.into_any()
    });
    #[cfg(not(feature = "ssr"))]
    {
        // Neither is called here, so that neither is in the bundle.
        drop((question, face));
        browser::take_over(topics)
    }
}

/// The same for a page whose head comes with its data: where there are none, the problem has a head of its own.
pub fn still_page<T, V>(
    topics: &'static [&'static str],
    question: impl FnOnce() -> Question,
    face: impl FnOnce(T) -> V + Send + 'static,
) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    #[cfg(feature = "ssr")]
    return on_the_server(topics, question(), face, super::notes::error_page);
    #[cfg(not(feature = "ssr"))]
    still(topics, question, face)
}

#[cfg(feature = "ssr")]
fn on_the_server<T, V>(
    topics: &'static [&'static str],
    question: Question,
    face: impl FnOnce(T) -> V + Send + 'static,
    problem: fn(crate::error::ApiError) -> AnyView,
) -> AnyView
where
    T: DeserializeOwned + 'static,
    V: IntoView + 'static,
{
    // The browser makes one here too: both sides must count the same.
    let _ = crate::live::live(topics);
    // Asked by a task of its own. Leptos goes on with a page's parts in order, and a question that has begun and waits
    // for its turn would keep its connection to the database from those before it.
    let answer = AsyncDerived::new(move || question.clone().answer());
    let made = async move {
        let html = match crate::wire::read::<T>(&answer.await) {
            Ok(value) => face(value).into_any().to_html(),
            Err(error) => problem(error).to_html(),
        };
        view! { <div class="still" inner_html=html></div> }
    };
    Suspend::new(made).into_any()
}

#[cfg(not(feature = "ssr"))]
mod browser {
    use std::time::Duration;

    use leptos::prelude::*;
    use leptos::wasm_bindgen::JsCast;
    use leptos_router::hooks::use_location;
    use leptos_router::location::Location;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{DomParser, Element, Response, SupportedType};

    use super::super::time::localise_still;

    /// The part of a page.
    const PART: &str = ".still";
    /// What keeps its place when the part is made anew: what has the focus, and what was opened.
    const OPENED: &str = ".still details[open][id]";

    /// What the server made, for as long as the address stays. Where the browser comes here by itself, or the page's
    /// query changes, there is nothing to take over: then the address is loaded.
    pub(super) fn take_over(topics: &'static [&'static str]) -> AnyView {
        let Location { pathname, search, .. } = use_location();
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
            set_timeout(move || load(&address), Duration::ZERO);
        });
        let changed = crate::live::live(topics);
        Effect::new(move |before: Option<u64>| {
            let now = changed.get();
            if before.is_none() {
                localise_still();
            }
            if before.is_some_and(|before| before != now) {
                // What cannot be had now stays as it is until something is told of again.
                leptos::task::spawn_local(async {
                    renew().await;
                });
            }
            now
        });
        view! { <div class="still" inner_html=""></div> }.into_any()
    }

    fn load(address: &str) {
        // An address of our own can always be loaded.
        drop(window().location().replace(address));
    }

    /// Asks for the page and puts its part in place of the one shown. Not while somebody writes in it.
    async fn renew() -> Option<()> {
        let address = window().location().href().ok()?;
        let answer: Response = JsFuture::from(window().fetch_with_str(&address))
            .await
            .ok()?
            .unchecked_into();
        // Sent elsewhere: the session has ended, say.
        if answer.redirected() {
            return window().location().reload().ok();
        }
        let text = JsFuture::from(answer.text().ok()?).await.ok()?.as_string()?;
        let page = DomParser::new()
            .ok()?
            .parse_from_string(&text, SupportedType::TextHtml)
            .ok()?;
        let new = page.query_selector(PART).ok()??;
        let old = document().query_selector(PART).ok()??;
        let focus = document()
            .active_element()
            .filter(|focus| old.contains(Some(focus)));
        let writes = focus
            .as_ref()
            .is_some_and(|focus| matches!(focus.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
        if writes || address != window().location().href().ok()? {
            return None;
        }
        let link = focus.and_then(|focus| focus.get_attribute("href"));
        let opened = document().query_selector_all(OPENED).ok()?;
        let opened = (0..opened.length()).filter_map(|place| opened.get(place));
        let opened: Vec<String> = opened
            .map(|details| details.unchecked_into::<Element>().id())
            .collect();
        old.set_inner_html(&new.inner_html());
        localise_still();
        for id in opened {
            if let Some(details) = document().get_element_by_id(&id) {
                drop(details.set_attribute("open", ""));
            }
        }
        if let Some(link) = link {
            let same = format!(".still a[href=\"{link}\"]");
            let same = document().query_selector(&same).ok()??;
            drop(same.unchecked_into::<web_sys::HtmlElement>().focus());
        }
        Some(())
    }
}
