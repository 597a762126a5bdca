//! `/deployments/:id`: one attempt to make one slot run one image: the true outcome, on what evidence, and what to do.
//!
//! Fetched anew as a whole when something changed, so that a cut connection leaves no gap.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::actions::{Actions, Acts};
use super::diagnosis::DiagnosisBox;
use super::steps::Steps;
use super::tasks::{events_view, tasks_view};
use super::{DeploymentView, LoadDeployment};
use crate::live::{follow, live};
use crate::text::Millis;
use crate::ui::{
    ImageName, PageHead, Progress, Section, Time, badge, duration_text, encode, loaded_page, part,
};
use crate::wire::{Question, ask};

/// The page.
#[component]
pub fn DeploymentPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").unwrap_or_default());
    let deployment = ask(move || Question::new(LoadDeployment { id: id.get() }));
    loaded_page(deployment, |first| view! { <Deployment first/> })
}

#[component]
fn Deployment(first: DeploymentView) -> impl IntoView {
    let acts = Acts::new();
    let changed = live(&["deployment"]);
    let id = first.id.clone();
    let title = format!("{} → {}", first.service, first.environment);
    let crumbs = vec![
        (
            format!("/services/{}", encode(&first.service)),
            first.service.clone(),
        ),
        (
            format!("/environments/{}", encode(&first.environment)),
            first.environment.clone(),
        ),
    ];
    let origin = origin(&first).into_any();
    let change = change(&first).into_any();
    let reason = first.reason.clone();
    let service = first.service.clone();
    let deployment = follow(
        first,
        move || changed.get() + acts.done(),
        Question::new(LoadDeployment { id }),
    );

    let state = Memo::new(move |_| deployment.with(|deployment| deployment.state));
    let verdict = Memo::new(move |_| deployment.with(|deployment| deployment.verdict.clone()));
    let percent = Memo::new(move |_| deployment.with(|d| (!d.state.at_rest()).then_some(d.percent)));
    let instants =
        Memo::new(move |_| deployment.with(|d| [Some(d.requested_at), d.ended_at, d.deadline_at, d.read_at]));
    let diagnosis = Memo::new(move |_| deployment.with(|deployment| deployment.diagnosis.clone()));
    let tasks = Memo::new(move |_| deployment.with(|deployment| deployment.tasks.clone()));
    let events = Memo::new(move |_| deployment.with(|deployment| deployment.events.clone()));
    let facts = Memo::new(move |_| deployment.with(|deployment| deployment.facts.clone()));
    view! {
        <PageHead title crumbs>{part(move || badge(state.get()))} {origin}</PageHead>
        <div aria-live="polite">
            <p class="sentence">{move || verdict.get()}</p>
        </div>
        {part(move || {
            let label = format!("Tasks of {service} that run the new image");
            percent.get().map(|percent| view! { <p class="rollout"><Progress percent label/></p> })
        })}
        {change}
        {reason.map(|reason| view! { <blockquote>{reason}</blockquote> })}
        {part(move || instants_view(instants.get(), state.get().at_rest()))}
        {part(move || diagnosis.get().map(|diagnosis| view! { <DiagnosisBox diagnosis/> }))}
        <div class="deployment-parts">
            <div>
                <Steps deployment/>
                {part(move || tasks_view(tasks.get()))}
                {part(move || events_view(events.get()))}
            </div>
            <div>
                <Actions deployment acts/>
                {part(move || facts_view(facts.get()))}
            </div>
        </div>
    }
}

/// "Train staging #118", or that somebody rolled back.
fn origin(deployment: &DeploymentView) -> impl IntoView + use<> {
    let train = deployment.train.map(|number| {
        let href = format!("/trains/{}/{number}", encode(&deployment.environment));
        view! { <a href=href>{format!("{} #{number}", deployment.environment)}</a> }
    });
    view! { <span class="origin">{badge(deployment.kind)} " " {train}</span> }
}

fn change(deployment: &DeploymentView) -> impl IntoView + use<> {
    let from = match deployment.from.clone() {
        Some(image) => view! { <ImageName image/> }.into_any(),
        None => view! { <span class="dim">"nothing known"</span> }.into_any(),
    };
    let subject = deployment.to.subject.clone();
    view! {
        <p class="change">
            {from} <span class="arrow" aria-hidden="true">" → "</span> <span class="unseen">" to "</span>
            <ImageName image=deployment.to.clone()/> {subject.map(|subject| view! { " " <span class="dim">{subject}</span> })}
            <span class="dim">{format!(" · asked for by {}", deployment.requested_by)}</span>
        </p>
    }
}

fn instants_view([requested, ended, deadline, read]: [Option<Millis>; 4], at_rest: bool) -> impl IntoView {
    let took = ended
        .zip(requested)
        .map(|(ended, requested)| duration_text(ended - requested));
    let instants = [
        ("Asked for", requested),
        ("Came to rest", ended),
        ("Given up at", deadline.filter(|_| !at_rest)),
        ("ECS last read", read),
    ]
    .into_iter()
    .filter_map(|(name, at)| Some((name, at?)))
    .map(|(name, at)| view! { <div><dt>{name}</dt><dd><Time at/></dd></div> })
    .collect_view();
    view! {
        <dl class="facts">
            {instants}
            {took.map(|took| view! { <div><dt>"Took"</dt><dd>{took}</dd></div> })}
        </dl>
    }
}

fn facts_view(facts: Vec<(String, String)>) -> impl IntoView {
    (!facts.is_empty()).then(|| {
        let rows = facts
            .into_iter()
            .map(|(name, value)| view! { <div><dt>{name}</dt><dd><code>{value}</code></dd></div> })
            .collect_view();
        view! {
            <Section title="In AWS">
                <dl class="facts wide">{rows}</dl>
            </Section>
        }
    })
}
