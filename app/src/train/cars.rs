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
    let commits = Memo::new(move |_| car.get().map(|car| (car.commits, car.commit_count)));
    let face = Memo::new(move |_| car.get().map(|car| CarView { commits: None, ..car }));
    view! {
        <li class="car">
            {part(move || face.get().map(|car| face_view(car).into_any()))}
            {part(move || commits.get().map(|(commits, count)| commits_view(commits, count)))}
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

/// "11 commits by 3 people", and them; of very many, the newest.
fn commits_view(commits: Option<Vec<CommitView>>, count: u64) -> impl IntoView {
    let Some(commits) = commits else {
        return view! { <p class="car-commits dim">"Which commits it brings cannot be told."</p> }.into_any();
    };
    if commits.is_empty() {
        return view! { <p class="car-commits dim">"No commit between."</p> }.into_any();
    }
    let summary = summary(&commits, count);
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

/// "11 commits by 3 people"; "340 commits, the newest 100 by 7 people".
fn summary(shown: &[CommitView], count: u64) -> String {
    let authors = shown
        .iter()
        .map(|commit| &commit.author)
        .collect::<BTreeSet<_>>()
        .len();
    let people = match authors {
        1 => "1 person".to_owned(),
        more => format!("{more} people"),
    };
    match shown.len() {
        1 if count <= 1 => "1 commit".to_owned(),
        all if u64::try_from(all).is_ok_and(|all| all >= count) => format!("{all} commits by {people}"),
        newest => format!("{count} commits, the newest {newest} by {people}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{CommitView, summary};

    #[test]
    fn more_commits_than_are_shown_are_counted_all_the_same() {
        let commit = |author: &str| CommitView {
            id: String::new(),
            subject: String::new(),
            author: author.to_owned(),
            at: 0,
        };
        let shown = ["Ada", "Lin", "Ada"].map(commit);
        assert_eq!(summary(&shown[..1], 1), "1 commit");
        assert_eq!(summary(&shown, 3), "3 commits by 2 people");
        assert_eq!(summary(&shown, 340), "340 commits, the newest 3 by 2 people");
    }
}
