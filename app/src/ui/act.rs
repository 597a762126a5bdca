//! Forms that do something. They work before scripts arrive; with scripts they say at once what came of it.
//! What cannot be done now stays visible, can be focused, and says why.

use leptos::either::Either;
use leptos::form::form_data_from_event;
use leptos::prelude::*;
use server_fn::ServerFn;
use web_sys::{SubmitEvent, UrlSearchParams};

use crate::deployment::Choice;
use crate::error::ApiError;
use crate::wire;

/// The path of an act, and what came of a try.
type Outcome = (&'static str, Result<(), ApiError>);

/// Something that a form does, and what came of it. Of one type for all server functions: see [`crate::wire`].
#[derive(Clone, Copy)]
pub struct Act {
    path: &'static str,
    pending: RwSignal<bool>,
    /// What came of the last try, and of which act it was one.
    outcome: RwSignal<Option<Outcome>>,
    answered: RwSignal<u64>,
}

impl Act {
    /// The act of a server function that takes forms and answers errors of ours.
    pub fn new<F: ServerFn<Error = ApiError>>() -> Self {
        Self::at(F::PATH)
    }

    fn at(path: &'static str) -> Self {
        Self {
            path,
            pending: RwSignal::new(false),
            outcome: RwSignal::new(refused_before(path)),
            answered: RwSignal::new(0),
        }
    }

    /// Another act of the same page: one is under way at a time, and what came of the last one is said once.
    pub fn and<F: ServerFn<Error = ApiError>>(self) -> Self {
        self.beside(F::PATH)
    }

    fn beside(self, path: &'static str) -> Self {
        if let Some(refused) = refused_before(path) {
            self.outcome.set(Some(refused));
        }
        Self { path, ..self }
    }

    /// Whether it is under way.
    pub fn pending(self) -> bool {
        self.pending.get()
    }

    /// What went wrong at the last try.
    pub fn problem(self) -> Option<ApiError> {
        self.outcome.get().and_then(|(_, outcome)| outcome.err())
    }

    /// As if a try of it had gone wrong.
    #[cfg(test)]
    pub fn refuse(self, error: ApiError) {
        self.outcome.set(Some((self.path, Err(error))));
    }

    /// Whether the last try was one of this very act and went wrong.
    fn failed(self) -> bool {
        matches!(self.outcome.get(), Some((path, Err(_))) if path == self.path)
    }

    /// How often it was answered: put it into a question's turn, so that the page shows what became of it.
    pub fn answered(self) -> u64 {
        self.answered.get()
    }

    /// Sends the form in place of the browser. A form that cannot be read is left to the browser.
    fn submit(self, event: &SubmitEvent) {
        let fields = form_data_from_event(event)
            .ok()
            .and_then(|data| UrlSearchParams::new_with_str_sequence_sequence(&data).ok());
        let Some(fields) = fields.filter(|_| !event.default_prevented()) else {
            return;
        };
        event.prevent_default();
        self.pending.set(true);
        leptos::task::spawn_local(async move {
            let answer = wire::post(self.path, fields.to_string().into()).await;
            // The page may be gone by now; then nobody is told.
            self.outcome
                .try_set(Some((self.path, wire::read_outcome(&answer))));
            self.pending.try_set(false);
            self.answered.try_update(|count| *count += 1);
        });
    }
}

/// Why a form sent without scripts was refused: the server gives it to the page that it returns to.
fn refused_before(path: &'static str) -> Option<Outcome> {
    #[cfg(feature = "ssr")]
    return use_context::<ServerActionError>()
        .filter(|refused| refused.path() == path)
        .map(|refused| server_fn::error::ServerFnUrlError::<ApiError>::decode_err(refused.err()))
        .map(|error| (path, Err(error)));
    #[cfg(not(feature = "ssr"))]
    return Option::<Outcome>::None.filter(|_| path.is_empty());
}

/// A form that does an act, with or without scripts.
#[component]
pub fn ActForm(act: Act, class: &'static str, children: Children) -> impl IntoView {
    view! {
        <form action=act.path method="post" class=class on:submit=move |event| act.submit(&event)>
            {children()}
        </form>
    }
}

/// One button that does one thing. What came of it is said by an [`ActionNote`] of the page, which is still there when
/// the button is not.
///
/// `hidden` are the server function's arguments; `choice` is what it says and why it cannot be pressed.
#[component]
pub fn ActionButton(
    act: Act,
    choice: Choice,
    hidden: Vec<(&'static str, String)>,
    /// The one thing the page wants done.
    #[prop(optional)]
    primary: bool,
) -> impl IntoView {
    let class = if primary { "button primary" } else { "button" };
    let Choice { label, why_not } = choice;
    match why_not {
        Some(why) => Either::Left(view! { <Refused class label why /> }),
        None => Either::Right(view! {
            <ActForm act class="act">
                {inputs(hidden)}
                <button type="submit" class=class disabled=act.pending>
                    {label}
                </button>
            </ActForm>
        }),
    }
}

/// A button that opens a form which asks for a reason (or a comment) before it does its thing. What came of it is said
/// by an [`ActionNote`] of the page.
#[component]
pub fn ReasonForm(
    act: Act,
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
) -> impl IntoView {
    let class = if primary { "button primary" } else { "button" };
    let Choice { label, why_not } = choice;
    match why_not {
        Some(why) => Either::Left(view! { <Refused class label why /> }),
        None => Either::Right(view! {
            <details class="ask" open=move || act.failed()>
                <summary class=class>{label.clone()}</summary>
                <ActForm act class="act stacked">
                    {inputs(hidden)}
                    <label class="field">
                        <span>{asks}</span>
                        <textarea name=name rows="2" maxlength="500" required=!may_be_empty></textarea>
                    </label>
                    <button type="submit" class=class disabled=act.pending>
                        {label}
                    </button>
                </ActForm>
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

/// What came of the last try, of whichever act of the page it was: under way, done, or what went wrong.
#[component]
pub fn ActionNote(act: Act) -> impl IntoView {
    let face = Memo::new(move |_| match act.outcome.get() {
        _ if act.pending.get() => ("outcome", "Working…".to_owned()),
        Some((_, Ok(()))) => ("outcome good", "Done.".to_owned()),
        Some((_, Err(error))) => ("outcome bad", error.to_string()),
        None => ("outcome", String::new()),
    });
    view! {
        <span role="status" class=move || face.get().0>
            {move || face.get().1}
        </span>
    }
}
