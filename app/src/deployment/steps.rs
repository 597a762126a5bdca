//! The journal of a deployment: each step, what it found, and how long it took.

use leptos::prelude::*;

use super::{DeploymentView, StepView};
use crate::text::Millis;
use crate::ui::{Ago, EmptyState, Section, Time, duration_text};

/// The steps, in order.
#[component]
pub fn Steps(deployment: ReadSignal<DeploymentView>) -> impl IntoView {
    let steps = Memo::new(move |_| deployment.with(|deployment| deployment.steps.clone()));
    move || {
        let now = deployment.with_untracked(|deployment| deployment.now);
        let steps = steps.get();
        let none = steps.is_empty();
        view! {
            <Section title="Steps">
                {none.then(|| view! { <EmptyState title="No step is recorded"/> })}
                <ol class="steps">{steps.into_iter().map(|step| step_view(step, now)).collect_view()}</ol>
            </Section>
        }
    }
}

fn step_view(step: StepView, now: Millis) -> impl IntoView {
    let (class, mark, word) = match step.ok {
        None => ("step active", "…", "under way"),
        Some(true) => ("step good", "✓", "done"),
        Some(false) => ("step bad", "✕", "failed"),
    };
    let took = match step.ended_at {
        Some(ended) => view! { <span class="num">{duration_text(ended - step.started_at)}</span> }.into_any(),
        None => view! { <span class="num">"for " <Ago at=step.started_at now/></span> }.into_any(),
    };
    view! {
        <li class=class>
            <span class="step-mark" aria-hidden="true">{mark}</span>
            <div>
                <p class="step-head">
                    <strong>{step.title}</strong> <span class="unseen">{word}</span>
                    <span class="step-time"><Time at=step.started_at/> " · " {took}</span>
                </p>
                <p class="dim">{step.detail}</p>
            </div>
        </li>
    }
}
