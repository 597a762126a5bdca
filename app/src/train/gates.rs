//! Every gate as a sentence: what stands in the way first, with who can resolve it; what passes, folded away.

use leptos::prelude::*;

use super::{GateView, TrainView, Verdict};
use crate::ui::{Section, badge};

/// The gates of a train.
#[component]
pub fn Gates(train: ReadSignal<TrainView>) -> impl IntoView {
    let shown = Memo::new(move |_| train.with(|train| (train.state, train.gates.clone())));
    move || {
        let (state, gates) = shown.get();
        let (passing, standing): (Vec<_>, Vec<_>) =
            gates.into_iter().partition(|gate| gate.verdict == Verdict::Pass);
        let title = if !standing.is_empty() && !state.is_end() {
            "Why it waits"
        } else {
            "Gates"
        };
        let nothing = standing.is_empty() && passing.is_empty();
        if nothing && state.is_end() {
            return None;
        }
        let clear = standing.is_empty() && !nothing;
        Some(view! {
            <Section title>
                {nothing.then(|| view! { <p class="dim">"No gate to pass yet."</p> })}
                {clear.then(|| view! { <p>"Nothing stands in the way."</p> })}
                <ul class="gates">{standing.into_iter().map(gate_view).collect_view()}</ul>
                {(!passing.is_empty()).then(|| passed_view(passing))}
            </Section>
        })
    }
}

fn gate_view(gate: GateView) -> impl IntoView {
    view! {
        <li class="gate">
            {badge(gate.verdict)}
            <div>
                <p>
                    <strong>{gate.name}</strong>
                    {gate.service.map(|service| view! { " " <span class="gate-service">{service}</span> })}
                    ": " {gate.sentence}
                </p>
                {gate.resolve.map(|resolve| view! { <p class="resolve">{resolve}</p> })}
            </div>
        </li>
    }
}

fn passed_view(passing: Vec<GateView>) -> impl IntoView {
    let count = match passing.len() {
        1 => "1 gate passes".to_owned(),
        count => format!("{count} gates pass"),
    };
    view! {
        <details class="gates-passed">
            <summary>{count}</summary>
            <ul class="gates">{passing.into_iter().map(gate_view).collect_view()}</ul>
        </details>
    }
}
