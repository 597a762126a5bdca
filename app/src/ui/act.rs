//! Forms that do something. They work before scripts arrive; with scripts they say at once what came of it.
//! What cannot be done now stays visible, can be focused, and says why.

use leptos::either::Either;
use leptos::form::ActionForm;
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use server_fn::client::Client;
use server_fn::codec::PostUrl;
use server_fn::request::ClientReq;
use server_fn::{Http, ServerFn};

use crate::deployment::Choice;
use crate::error::ApiError;

/// One button that does one thing.
///
/// `hidden` are the server function's arguments; `choice` is what it says and why it cannot be pressed.
#[component]
pub fn ActionButton<F, P>(
    action: ServerAction<F>,
    choice: Choice,
    hidden: Vec<(&'static str, String)>,
    /// The one thing the page wants done.
    #[prop(optional)]
    primary: bool,
    /// Several buttons share the action: what came of it is said once, by an [`ActionNote`] of the page.
    #[prop(optional)]
    shared: bool,
) -> impl IntoView
where
    F: ServerFn<Protocol = Http<PostUrl, P>, Error = ApiError>
        + DeserializeOwned
        + Clone
        + Send
        + Sync
        + 'static,
    F::Output: Clone + Send + Sync + 'static,
    F::Client: Client<ApiError>,
    <<F::Client as Client<ApiError>>::Request as ClientReq<ApiError>>::FormData: From<web_sys::FormData>,
{
    let class = if primary { "button primary" } else { "button" };
    let Choice { label, why_not } = choice;
    match why_not {
        Some(why) => Either::Left(view! { <Refused class label why /> }),
        None => Either::Right(view! {
            <ActionForm action attr:class="act">
                {inputs(hidden)}
                <button type="submit" class=class disabled=action.pending()>
                    {label}
                </button>
                {(!shared).then(|| view! { <ActionNote action /> })}
            </ActionForm>
        }),
    }
}

/// A button that opens a form which asks for a reason (or a comment) before it does its thing.
#[component]
pub fn ReasonForm<F, P>(
    action: ServerAction<F>,
    choice: Choice,
    hidden: Vec<(&'static str, String)>,
    /// The server function's argument that the text becomes.
    #[prop(default = "reason")]
    name: &'static str,
    /// What is asked.
    #[prop(default = "Reason")]
    asks: &'static str,
    /// The text may be left out.
    #[prop(optional)]
    may_be_empty: bool,
    /// The one thing the page wants done.
    #[prop(optional)]
    primary: bool,
) -> impl IntoView
where
    F: ServerFn<Protocol = Http<PostUrl, P>, Error = ApiError>
        + DeserializeOwned
        + Clone
        + Send
        + Sync
        + 'static,
    F::Output: Clone + Send + Sync + 'static,
    F::Client: Client<ApiError>,
    <<F::Client as Client<ApiError>>::Request as ClientReq<ApiError>>::FormData: From<web_sys::FormData>,
{
    let class = if primary { "button primary" } else { "button" };
    let Choice { label, why_not } = choice;
    match why_not {
        Some(why) => Either::Left(view! { <Refused class label why /> }),
        None => Either::Right(view! {
            <details class="ask" open=move || matches!(action.value().get(), Some(Err(_)))>
                <summary class=class>{label.clone()}</summary>
                <ActionForm action attr:class="act stacked">
                    {inputs(hidden)}
                    <label class="field">
                        <span>{asks}</span>
                        <textarea name=name rows="2" maxlength="500" required=!may_be_empty></textarea>
                    </label>
                    <button type="submit" class=class disabled=action.pending()>
                        {label}
                    </button>
                    <ActionNote action />
                </ActionForm>
            </details>
        }),
    }
}

/// A labelled control.
#[component]
pub fn Field(#[prop(into)] label: String, children: Children) -> impl IntoView {
    view! {
        <label class="field">
            <span>{label}</span>
            {children()}
        </label>
    }
}

/// A button that cannot be pressed now, with the reason beside it.
#[component]
fn Refused(class: &'static str, label: String, why: String) -> impl IntoView {
    let id: String = label
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    view! {
        <div class="act refused">
            <button type="button" class=class aria-disabled="true" aria-describedby=id.clone()>
                {label}
            </button>
            <span class="why" id=id>
                {why}
            </span>
        </div>
    }
}

fn inputs(hidden: Vec<(&'static str, String)>) -> impl IntoView {
    hidden
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view()
}

/// What came of the last try: under way, done, or what went wrong.
#[component]
pub fn ActionNote<F>(action: ServerAction<F>) -> impl IntoView
where
    F: ServerFn<Error = ApiError> + Clone + Send + Sync + 'static,
    F::Output: Clone + Send + Sync + 'static,
{
    let pending = action.pending();
    let value = action.value();
    let face = Memo::new(move |_| match value.get() {
        _ if pending.get() => ("outcome", "Working…".to_owned()),
        Some(Ok(_)) => ("outcome good", "Done.".to_owned()),
        Some(Err(error)) => ("outcome bad", error.to_string()),
        None => ("outcome", String::new()),
    });
    view! {
        <span role="status" class=move || face.get().0>
            {move || face.get().1}
        </span>
    }
}
