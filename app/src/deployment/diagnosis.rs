//! What went wrong in plain words, the text it was read from, and what to do.

use leptos::prelude::*;

use super::Diagnosis;
use crate::ui::badge;

/// The box of a failed deployment.
#[component]
pub fn DiagnosisBox(diagnosis: Diagnosis) -> impl IntoView {
    let Diagnosis {
        class,
        sentence,
        evidence,
        runbook,
    } = diagnosis;
    let runbook = runbook
        .into_iter()
        .map(|line| view! { <li>{line}</li> })
        .collect_view();
    let none = runbook.is_empty();
    view! {
        <section class="diagnosis">
            <h2>"What went wrong " {badge(class)}</h2>
            <p class="sentence">{sentence}</p>
            {evidence.map(|text| view! { <pre class="evidence" tabindex="0">{text}</pre> })}
            {(!none).then(|| view! {
                <h3>"What to do"</h3>
                <ol class="runbook">{runbook}</ol>
            })}
        </section>
    }
}
