//! One cell of the board. Plain markup without signals: a board has more than a thousand of them.

use leptos::prelude::*;

use super::{BoardCell, Health, ImageLabel, InFlight, SlotState, TrainRef};
use crate::text::{Millis, Tone};
use crate::ui::{Ago, Badge, ImageName, Progress, badge};

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
    let is_quiet = state == SlotState::Running && in_flight.is_none();
    view! {
        <a class="runs" href=href>
            {match image {
                Some(image) => view! { <ImageName image /> }.into_any(),
                None => view! { <span class="dim">"nothing known"</span> }.into_any(),
            }}
        </a>
        <span class="when">
            {deployed_at.map(|at| view! { <Ago at now /> })}
            {behind.filter(|behind| *behind > 0).map(|behind| {
                let title = format!("{behind} commits behind its branch");
                view! { <span class="behind num" title=title>{format!("−{behind}")}</span> }
            })}
        </span>
        <span class="states">
            {(!is_quiet && in_flight.is_none()).then(|| badge(state))}
            {health_badge(health, running, desired)}
            {drift.map(|drift| view! { <span title=drift><Badge tone=Tone::Waiting word="Drift" /></span> })}
        </span>
        {in_flight.map(|in_flight| view! { <Flight in_flight state /> })}
        {next.map(|next| view! { <Next next /> })}
    }
}

/// "Healthy 4/4": the word and the tasks it was told from.
fn health_badge(health: Health, running: i64, desired: i64) -> impl IntoView {
    let word = match health {
        Health::Degraded | Health::Down => format!("{} {running}/{desired}", health.word()),
        _ => health.word().to_owned(),
    };
    view! { <Badge tone=health.tone() word /> }
}

#[component]
fn Flight(in_flight: InFlight, state: SlotState) -> impl IntoView {
    let InFlight {
        deployment,
        word,
        image,
        percent,
    } = in_flight;
    let ImageLabel { name, .. } = image;
    let label = format!("{word} {name}");
    view! {
        <span class="flight">
            <a href=format!("/deployments/{deployment}")>
                <Badge tone=state.tone() word />
            </a>
            <code class="image">{name}</code>
            <Progress percent label />
        </span>
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
        <a class="next" href=format!("/trains/{environment}/{number}")>
            "▸ " <code>{image.name}</code> {format!(" on #{number}")}
        </a>
    }
}
