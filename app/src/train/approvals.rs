//! Who agreed to a train, whose word no longer counts and why, and who is still asked.

use leptos::prelude::*;

use super::{ApprovalView, TrainView};
use crate::text::Tone;
use crate::ui::{Badge, Section, Time};

/// The approvals of a train.
#[component]
pub fn Approvals(train: ReadSignal<TrainView>) -> impl IntoView {
    let shown = Memo::new(move |_| {
        train.with(|train| {
            (
                train.requirement.clone(),
                train.approvals.clone(),
                train.may_approve.clone(),
            )
        })
    });
    move || {
        let (requirement, approvals, may_approve) = shown.get();
        let unasked = requirement.is_none() && approvals.is_empty();
        view! {
            <Section title="Approvals">
                {requirement.map(|text| view! { <p class="requirement">{text}</p> })}
                {unasked.then(|| view! { <p class="dim">"Nobody has to approve it."</p> })}
                <ul class="approvals">{approvals.into_iter().map(approval_view).collect_view()}</ul>
                {(!may_approve.is_empty())
                    .then(|| view! { <p class="dim">{format!("{} may approve.", names(&may_approve))}</p> })}
            </Section>
        }
    }
}

fn approval_view(approval: ApprovalView) -> impl IntoView {
    let (tone, word) = match (approval.void.is_some(), approval.approved) {
        (true, true) => (Tone::Neutral, "Void approval"),
        (true, false) => (Tone::Neutral, "Void rejection"),
        (false, true) => (Tone::Good, "Approved"),
        (false, false) => (Tone::Bad, "Rejected"),
    };
    view! {
        <li>
            <p><Badge tone word/> " " <strong>{approval.person}</strong> " " <Time at=approval.at/></p>
            {approval.comment.map(|comment| view! { <blockquote>{comment}</blockquote> })}
            {approval.void.map(|why| view! { <p class="why">{why}</p> })}
        </li>
    }
}

/// "Ada", "Ada or Lin", "Ada, Lin or Sam".
fn names(people: &[String]) -> String {
    match people {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn people_are_listed_as_in_a_sentence() {
        let people = ["Ada", "Lin", "Sam"].map(str::to_owned);
        assert_eq!(names(&people), "Ada, Lin or Sam");
        assert_eq!(names(&people[..1]), "Ada");
    }
}
