//! Light, dark, or as the system says: chosen by a cookie that the server reads, so that nothing flashes.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use wasm_bindgen::JsValue;

/// The server provides it as a context, from the cookie `theme`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The cookie's value and the document's `data-theme`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads a cookie's value; anything else is `System`.
    pub fn from_text(text: &str) -> Self {
        match text {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// A menu of three buttons. A plain form to `/theme`; with scripts it needs no round trip.
#[component]
pub fn ThemeMenu() -> impl IntoView {
    let location = use_location();
    let here = move || format!("{}{}", location.pathname.get(), with_mark(&location.search.get()));
    let button = |theme: Theme, word: &'static str| {
        view! {
            <button
                type="submit"
                name="theme"
                value=theme.as_str()
                on:click=move |event| {
                    if apply(theme) {
                        event.prevent_default();
                    }
                }
            >
                {word}
            </button>
        }
    };
    view! {
        <details class="menu theme" name="top">
            <summary>
                <svg aria-hidden="true" width="16" height="16">
                    <use href="/icons.svg#theme"></use>
                </svg>
                <span class="unseen">"Theme"</span>
            </summary>
            <form method="post" action="/theme">
                <input type="hidden" name="return_to" value=here />
                {button(Theme::System, "As the system")}
                {button(Theme::Light, "Light")}
                {button(Theme::Dark, "Dark")}
            </form>
        </details>
    }
}

fn with_mark(search: &str) -> String {
    let search = search.trim_start_matches('?');
    if search.is_empty() {
        String::new()
    } else {
        format!("?{search}")
    }
}

/// Sets the document's theme and the cookie; `false` where the browser does not let us.
fn apply(theme: Theme) -> bool {
    let document = document();
    let cookie = format!("theme={}; Path=/; Max-Age=31536000; SameSite=Lax", theme.as_str());
    document
        .document_element()
        .is_some_and(|root| root.set_attribute("data-theme", theme.as_str()).is_ok())
        && web_sys::js_sys::Reflect::set(
            &document,
            &JsValue::from_str("cookie"),
            &JsValue::from_str(&cookie),
        )
        .unwrap_or(false)
}
