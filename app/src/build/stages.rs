//! The stages of a build: one segment each, and opened, each with its word and duration.

use leptos::prelude::*;

use super::{BuildStatus, StageView};
use crate::text::{Millis, Tone};
use crate::ui::{Ago, badge, duration_text};

/// Segments that open to a list.
pub fn stages_view(build: &str, stages: Vec<StageView>, now: Millis) -> impl IntoView {
    if stages.is_empty() {
        return view! { <span class="dim">"none yet"</span> }.into_any();
    }
    let told = told(&stages);
    let segments = stages.iter().map(segment).collect_view();
    let lines = stages.into_iter().map(|stage| line(stage, now)).collect_view();
    view! {
        <details class="stages" id=format!("stages-{build}")>
            <summary>
                <span class="segments" aria-hidden="true">{segments}</span>
                <span class="told">{told}</span>
            </summary>
            <ul>{lines}</ul>
        </details>
    }
    .into_any()
}

/// "4 stages", or the one that is worth a word: "integration tests failed".
fn told(stages: &[StageView]) -> String {
    let named = |status: BuildStatus| stages.iter().find(|stage| stage.status == status);
    if let Some(stage) = named(BuildStatus::Failed) {
        return format!("{} failed", stage.name);
    }
    if let Some(stage) = named(BuildStatus::Running) {
        return format!("{} running", stage.name);
    }
    match stages.len() {
        1 => "1 stage".to_owned(),
        count => format!("{count} stages"),
    }
}

fn segment(stage: &StageView) -> impl IntoView + use<> {
    let class = match stage.status.tone() {
        Tone::Good => "segment good",
        Tone::Bad => "segment bad",
        Tone::Active => "segment active",
        Tone::Waiting => "segment waiting",
        Tone::Neutral => "segment neutral",
    };
    let title = format!("{}: {}", stage.name, stage.status.word());
    view! { <span class=class title=title></span> }
}

fn line(stage: StageView, now: Millis) -> impl IntoView {
    let took = match (stage.started_at, stage.ended_at) {
        (Some(start), Some(end)) => duration_text(end - start).into_any(),
        (Some(at), None) => view! { "for " <Ago at now/> }.into_any(),
        (None, _) => ().into_any(),
    };
    view! { <li>{badge(stage.status)} <span>{stage.name}</span> <span class="num dim">{took}</span></li> }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str, status: BuildStatus) -> StageView {
        StageView {
            name: name.to_owned(),
            status,
            started_at: None,
            ended_at: None,
        }
    }

    #[test]
    fn the_failed_stage_is_named_before_any_other() {
        let stages = [
            stage("lint", BuildStatus::Running),
            stage("unit tests", BuildStatus::Failed),
        ];
        assert_eq!(told(&stages), "unit tests failed");
        assert_eq!(told(&[stage("lint", BuildStatus::Succeeded)]), "1 stage");
    }
}
