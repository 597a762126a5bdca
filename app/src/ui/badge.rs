//! State as icon + word + colour, never colour alone.

use leptos::prelude::*;

use crate::text::Tone;

impl Tone {
    /// The class that colours it and sets its icon before it.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Neutral => "badge neutral",
            Self::Active => "badge active",
            Self::Good => "badge good",
            Self::Waiting => "badge waiting",
            Self::Bad => "badge bad",
        }
    }
}

/// Anything declared with [`crate::worded!`], for [`badge`].
pub trait Worded {
    /// Colour family and word.
    fn face(self) -> (Tone, &'static str);
}

macro_rules! has_face {
    ($($name:ty),+) => { $(impl Worded for $name {
        fn face(self) -> (Tone, &'static str) { (self.tone(), self.word()) }
    })+ };
}

has_face!(
    crate::board::SlotState,
    crate::board::Health,
    crate::build::BuildStatus,
    crate::build::DeliveryState,
    crate::deployment::DeploymentState,
    crate::deployment::DeploymentKind,
    crate::deployment::FailureClass,
    crate::train::CarState,
    crate::train::TrainState,
    crate::train::Verdict
);

/// The badge of a state: `badge(train.state)`.
pub fn badge(state: impl Worded) -> impl IntoView {
    let (tone, word) = state.face();
    view! { <Badge tone word /> }
}

/// Icon, word and colour. One element: the icon comes from the style, since a board has thousands of badges.
#[component]
pub fn Badge(tone: Tone, #[prop(into)] word: Oco<'static, str>) -> impl IntoView {
    view! { <span class=tone.class()>{word}</span> }
}

/// How far something is; without a number where nobody says.
#[component]
pub fn Progress(percent: Option<u32>, #[prop(into)] label: String) -> impl IntoView {
    view! {
        <span class="progress">
            <progress max="100" value=percent aria-label=label></progress>
            {percent.map(|percent| format!("{percent} %"))}
        </span>
    }
}
