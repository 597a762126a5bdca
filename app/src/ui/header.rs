//! The header of every page: where to go, what waits, who is here.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use wasm_bindgen::JsCast;

use super::notes::{Place, either};
use super::query::encode;
use super::theme::ThemeMenu;
use super::time::keep_times;
use crate::account::{HeaderView, LoadHeader, Me};
use crate::live;
use crate::wire::{Question, ask};

/// The header. Knows nobody on the login page, and then shows only its name.
#[component]
pub fn Header() -> impl IntoView {
    let tick = live::live(&["train", "sync", "policy"]);
    let header = ask(move || Question::new(LoadHeader {}).at(tick.get()));
    keep_times();
    menus_close();
    keys_work();
    either(
        header,
        Place::Anywhere,
        || (),
        |header| view! { <Known header /> },
        |_| view! { <Unknown /> }.into_any(),
    )
}

#[component]
fn Known(header: HeaderView) -> impl IntoView {
    live::listen(true);
    let HeaderView {
        me,
        unmapped,
        environments,
    } = header;
    let trains = environments
        .into_iter()
        .map(|name| {
            let href = format!("/environments/{}", encode(&name));
            let line = super::line_class(&name);
            view! {
                <li>
                    <NavLink href>
                        <span class=line>{name}</span>
                    </NavLink>
                </li>
            }
        })
        .collect_view();
    let count = |number: u32| (number > 0).then(|| view! { " " <span class="count num">{number}</span> });
    let cut = live::is_cut();
    let waiting = me.waiting;
    view! {
        {me.demo_forge.clone().map(|href| view! {
            <aside class="demo" aria-label="Demo world">
                "Demo world – nothing here is real. "
                <a href=href rel="external" target="_blank">"Push a commit"</a>
            </aside>
        })}
        <header class="top">
            <a class="brand" href="/"><Brand /></a>
            <nav aria-label="Main">
                <ul>
                    <li><NavLink href="/">"Board"</NavLink></li>
                    <li>
                        <details class="menu" name="top">
                            <summary>"Trains"</summary>
                            <ul>{trains}</ul>
                        </details>
                    </li>
                    <li><NavLink href="/approvals">"Approvals" {count(waiting)}</NavLink></li>
                    <li><NavLink href="/builds">"Builds"</NavLink></li>
                    <li><NavLink href="/metrics" still=true>"Metrics"</NavLink></li>
                    <li><NavLink href="/audit" still=true>"Audit"</NavLink></li>
                    {(unmapped > 0).then(|| view! {
                        <li><NavLink href="/unmapped">"Unmapped" {count(unmapped)}</NavLink></li>
                    })}
                </ul>
            </nav>
            <span class="cut" role="status">{move || cut().then_some("Reconnecting…")}</span>
            <SearchBox />
            <ThemeMenu />
            <MeMenu me />
        </header>
    }
}

#[component]
fn Unknown() -> impl IntoView {
    live::listen(false);
    view! {
        <header class="top">
            <a class="brand" href="/"><Brand /></a>
            <span class="cut"></span>
            <ThemeMenu />
        </header>
    }
}

#[component]
fn Brand() -> impl IntoView {
    view! {
        <svg aria-hidden="true" width="20" height="20"><use href="/icons.svg#brand"></use></svg>
        <span class="word">"Yardmaster"</span>
    }
}

/// A link that knows whether it leads to the page shown.
#[component]
fn NavLink(
    #[prop(into)] href: String,
    /// The page stands still: the server makes it, and the browser loads it.
    #[prop(optional)]
    still: bool,
    children: Children,
) -> impl IntoView {
    let path = use_location().pathname;
    let target = href.clone();
    let current = move || (path.get() == target).then_some("page");
    view! {
        <a href=href rel=still.then_some("external") aria-current=current>
            {children()}
        </a>
    }
}

/// Finds services by name; the key `/` leads here from anywhere.
#[component]
fn SearchBox() -> impl IntoView {
    let query = super::use_query();
    view! {
        <form class="search" role="search" action="/" method="get">
            <input
                id="search"
                type="search"
                name="search"
                placeholder="Search services"
                aria-label="Search services"
                aria-keyshortcuts="/"
                autocomplete="off"
                value=move || query.get().get("search")
            />
            <kbd aria-hidden="true">"/"</kbd>
        </form>
    }
}

#[component]
fn MeMenu(me: Me) -> impl IntoView {
    let email = me.email.map(|email| view! { <p class="dim">{email}</p> });
    let rights = me
        .rights
        .into_iter()
        .map(|right| view! { <li>{right}</li> })
        .collect_view();
    view! {
        <details class="menu me" name="top">
            <summary>{me.actor.name}</summary>
            <div>
                {email}
                <ul class="rights">{rights}</ul>
                <a href="/sessions">"Your sessions"</a>
                <a href="/people">"People"</a>
                <a href="/deliveries">"Webhook deliveries"</a>
                <form method="post" action="/auth/logout">
                    <button type="submit">"Log out"</button>
                </form>
            </div>
        </details>
    }
}

/// Menus are plain `<details>`; with scripts they close when the page changes, at Escape, and at a click elsewhere.
fn menus_close() {
    let path = use_location().pathname;
    Effect::new(move || {
        path.track();
        close_menus();
    });
    Effect::new(|| {
        let clicks = window_event_listener(leptos::ev::click, |event| {
            let menu = target_of(&event).and_then(|target| target.closest("details.menu").ok().flatten());
            if menu.is_none() {
                close_menus();
            }
        });
        on_cleanup(move || clicks.remove());
    });
}

fn close_menus() {
    while let Ok(Some(menu)) = document().query_selector("details.menu[open]") {
        if menu.remove_attribute("open").is_err() {
            break;
        }
    }
}

/// `/` puts the cursor into the search box, unless somebody is writing. Escape closes menus.
fn keys_work() {
    Effect::new(|| {
        let keys = window_event_listener(leptos::ev::keydown, |event| {
            let writing = target_of(&event)
                .is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
            match event.key().as_str() {
                "Escape" => close_menus(),
                "/" if !writing && !event.ctrl_key() && !event.meta_key() && !event.alt_key() => {
                    let search = document().get_element_by_id("search");
                    let search = search.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
                    if search.is_some_and(|search| search.focus().is_ok()) {
                        event.prevent_default();
                    }
                }
                _ => {}
            }
        });
        on_cleanup(move || keys.remove());
    });
}

fn target_of(event: &web_sys::Event) -> Option<web_sys::Element> {
    event.target().and_then(|target| target.dyn_into().ok())
}
