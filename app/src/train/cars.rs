//! The cars of a train in their order: from what to what, how far, and the commits between.

use std::collections::BTreeSet;

use leptos::prelude::*;

use super::{CarState, CarView, CommitView, TrainView};
use crate::text::Tone;
use crate::ui::{EmptyState, ImageName, Progress, Section, Time, badge, encode, keyed, part};

/// The cars. Each follows its own data, so that an opened list of commits stays open while others move.
#[component]
pub fn Cars(train: ReadSignal<TrainView>) -> impl IntoView {
    let ids = Memo::new(move |_| {
        train.with(|train| train.cars.iter().map(|car| car.id.clone()).collect::<Vec<_>>())
    });
    let car = move |id: String| {
        let car = Memo::new(move |_| train.with(|train| train.cars.iter().find(|car| car.id == id).cloned()));
        view! { <Car car/> }.into_any()
    };
    view! {
        <Section title="Cars">
            <Show
                when=move || ids.with(|ids| !ids.is_empty())
                fallback=|| view! {
                    <EmptyState title="No car yet">
                        <p>"A succeeded build boards by itself when its image is in ECR and the line takes it."</p>
                    </EmptyState>
                }
            >
                <ol class="cars">{keyed(ids, car)}</ol>
            </Show>
        </Section>
    }
}

#[component]
fn Car(car: Memo<Option<CarView>>) -> impl IntoView {
    let commits = Memo::new(move |_| car.get().map(|car| car.commits));
    let face = Memo::new(move |_| car.get().map(|car| CarView { commits: None, ..car }));
    view! {
        <li class="car">
            {part(move || face.get().map(|car| face_view(car).into_any()))}
            {part(move || commits.get().map(commits_view))}
        </li>
    }
}

/// All of a car but its commits.
fn face_view(car: CarView) -> impl IntoView {
    let moving = matches!(car.state, CarState::Deploying | CarState::Verifying);
    let note_class = if car.state.tone() == Tone::Bad {
        "car-note bad"
    } else {
        "car-note"
    };
    let label = format!("Tasks of {} that run", car.service);
    view! {
        <div class="car-name">
            <a href=format!("/services/{}", encode(&car.service))>{car.service.clone()}</a>
        </div>
        <div class="car-change">
            {match car.from {
                Some(image) => view! { <ImageName image/> }.into_any(),
                None => view! { <span class="dim">"nothing"</span> }.into_any(),
            }}
            <span class="arrow" aria-hidden="true">"→"</span>
            <span class="unseen">" to "</span>
            <ImageName image=car.to/>
        </div>
        <div class="car-state">
            {badge(car.state)}
            {moving.then(|| view! { <Progress percent=car.percent label/> })}
            {car.deployment.map(|id| view! { <a href=format!("/deployments/{id}")>"Deployment"</a> })}
        </div>
        {car.note.map(|note| view! { <p class=note_class>{note}</p> })}
    }
}

/// "11 commits by 3 people", and them.
fn commits_view(commits: Option<Vec<CommitView>>) -> impl IntoView {
    let Some(commits) = commits else {
        return view! { <p class="car-commits dim">"Which commits it brings cannot be told."</p> }.into_any();
    };
    let authors = commits
        .iter()
        .map(|commit| &commit.author)
        .collect::<BTreeSet<_>>()
        .len();
    let summary = match (commits.len(), authors) {
        (0, _) => return view! { <p class="car-commits dim">"No commit between."</p> }.into_any(),
        (1, _) => "1 commit".to_owned(),
        (count, 1) => format!("{count} commits by 1 person"),
        (count, authors) => format!("{count} commits by {authors} people"),
    };
    let rows = commits
        .into_iter()
        .map(|commit| {
            let short: String = commit.id.chars().take(7).collect();
            view! {
                <li>
                    <code title=commit.id>{short}</code>
                    <span class="subject">{commit.subject}</span>
                    <span class="dim">{commit.author} ", " <Time at=commit.at/></span>
                </li>
            }
        })
        .collect_view();
    view! {
        <details class="car-commits">
            <summary>{summary}</summary>
            <ol class="commits">{rows}</ol>
        </details>
    }
    .into_any()
}
