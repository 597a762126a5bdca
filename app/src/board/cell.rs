//! One cell of the board. Plain markup without signals: a board has more than a thousand of them.

use leptos::either::Either;
use leptos::prelude::*;

use super::{BoardCell, Health, InFlight, SlotState, TrainRef};
use crate::text::{Millis, Tone};
use crate::ui::{Ago, Badge, Progress, badge, encode};

/// What runs, since when, how well, and what comes next.
#[component]
pub fn Cell(cell: BoardCell, now: Millis, href: String) -> impl IntoView {
    let BoardCell {
        image,
        deployed_at,
        state,
        health,
        running,
        desired,
        behind,
        in_flight,
        drift,
        next,
    } = cell;
    let runs = match image {
        Some(image) => Either::Left(view! { <code>{image.name}</code> }),
        None => Either::Right("nothing known"),
    };
    let doing = match &in_flight {
        Some(flight) => Either::Left(view! { <Doing flight state /> }),
        None => Either::Right(badge(state)),
    };
    // Nothing where it cannot be told.
    let behind = behind.map(|behind| {
        let (class, title, word) = match behind {
            0 => (
                "behind even",
                "Up to date with its branch".to_owned(),
                "✓".to_owned(),
            ),
            _ => (
                "behind",
                format!("{behind} commits behind its branch"),
                format!("−{behind}"),
            ),
        };
        view! { <span class=class title=title>{word}</span> }
    });
    let drift = drift.map(|drift| {
        view! {
            <span title=drift>
                <Badge tone=Tone::Waiting word="Drift" />
            </span>
        }
    });
    view! {
        <div class="cell">
            <a class="runs" href=href>{runs}</a>
            {behind}
            {deployed_at.map(|at| view! { <Ago at now /> })}
            <div class="states">{doing} {health_badge(health, running, desired)} {drift}</div>
            {in_flight.map(|flight| view! { <Flight flight moves=state != SlotState::NeedsHuman /> })}
            {next.map(|next| view! { <Next next /> })}
        </div>
    }
}

/// "Degraded 3/4": the word and, where tasks are missing, the numbers it was told from.
fn health_badge(health: Health, running: i64, desired: i64) -> impl IntoView {
    let word = match health {
        Health::Degraded | Health::Down => Oco::from(format!("{} {running}/{desired}", health.word())),
        _ => Oco::from(health.word()),
    };
    view! { <Badge tone=health.tone() word /> }
}

/// The state's badge while a deployment is under way: says what that does, and leads to it.
#[component]
fn Doing<'a>(flight: &'a InFlight, state: SlotState) -> impl IntoView + use<> {
    view! {
        <a href=format!("/deployments/{}", flight.deployment)>
            <Badge tone=state.tone() word=flight.word.clone() />
        </a>
    }
}

#[component]
fn Flight(
    flight: InFlight,
    /// Not where it waits for a person.
    moves: bool,
) -> impl IntoView {
    let InFlight {
        word, image, percent, ..
    } = flight;
    let label = format!("{word} {}", image.name);
    view! {
        <div class="flight">
            "→ " <code>{image.name}</code> {moves.then(|| view! { <Progress percent label /> })}
        </div>
    }
}

#[component]
fn Next(next: TrainRef) -> impl IntoView {
    let TrainRef {
        environment,
        number,
        image,
    } = next;
    view! {
        <a class="next" href=format!("/trains/{}/{number}", encode(&environment))>
            "▸ " <code>{image.name}</code> {format!(" on #{number}")}
        </a>
    }
}
