//! One slot: Now, In flight, Next, Recent.

use leptos::either::Either;
use leptos::prelude::*;

use super::tasks::Tasks;
use super::{DeploymentSummary, SlotView};
use crate::board::{BoardCell, SlotState};
use crate::text::{Millis, Tone};
use crate::ui::{
    Ago, Badge, DataTable, Digest, FreshnessNote, ImageName, Progress, Section, Time, badge, duration_text,
    encode, line_class,
};

/// Everything about a slot.
#[component]
pub fn Slot(service: String, view: SlotView, now: Millis) -> impl IntoView {
    let SlotView {
        environment,
        cell,
        freshness,
        tasks,
        ecs_service,
        task_definition,
        container,
        recent,
        roll_back,
    } = view;
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
    let lag = match behind {
        Some(0) => Some("Up to date with its branch.".to_owned()),
        Some(1) => Some("1 commit behind its branch.".to_owned()),
        Some(behind) => Some(format!("{behind} commits behind its branch.")),
        None => image
            .is_some()
            .then(|| "How far it is behind a branch cannot be told.".to_owned()),
    };
    let rollback_href = format!("/rollback/{}/{}", encode(&service), encode(&environment));
    let running_now = match image {
        Some(image) => Either::Left(view! {
            <p class="headline">
                <ImageName image=image.clone() /> {deployed_at.map(|at| view! { " for " <Ago at now /> })}
            </p>
            {image.subject.map(|subject| view! { <p>{subject}</p> })}
            <p class="dim">
                {image.branch.map(|branch| view! { "from " <code>{branch}</code> " · " })}
                <Digest digest=image.digest />
            </p>
        }),
        None => Either::Right(view! { <p class="headline dim">"Nothing is known to run here."</p> }),
    };
    let roll_back = match roll_back.why_not {
        None => Either::Left(view! {
            <a class="button" href=rollback_href>
                {roll_back.label}
            </a>
        }),
        Some(why) => Either::Right(view! {
            <div class="act refused">
                <a class="button" role="link" tabindex="0" aria-disabled="true" aria-describedby="no-rollback">
                    {roll_back.label}
                </a>
                <span class="why" id="no-rollback">{why}</span>
            </div>
        }),
    };
    let class = format!("slot {}", line_class(&environment));
    view! {
        <div class=class>
            <div class="panels">
            <Section title="Now">
                <p class="states">
                    {badge(state)} {badge(health)}
                    <span class="dim num">{format!("{running} of {desired} tasks")}</span>
                    <FreshnessNote freshness now />
                </p>
                {running_now}
                {lag.map(|sentence| view! { <p>{sentence}</p> })}
                {drift
                    .map(|drift| {
                        view! {
                            <p class="note waiting">
                                <Badge tone=Tone::Waiting word="Drift" /> " " {drift}
                            </p>
                        }
                    })}
                {roll_back}
            </Section>
            <Section title="In flight">
                {match in_flight {
                    Some(flight) => {
                        let label = format!("{} {}", flight.word, flight.image.name);
                        let moves = state != SlotState::NeedsHuman;
                        Either::Left(
                            view! {
                                <p class="flight">
                                    <a href=format!("/deployments/{}", flight.deployment)>
                                        <Badge tone=flight_tone(state) word=flight.word />
                                    </a>
                                    <ImageName image=flight.image />
                                    {moves.then(|| view! { <Progress percent=flight.percent label /> })}
                                </p>
                            },
                        )
                    }
                    None => Either::Right(view! { <p class="dim">"No deployment is under way."</p> }),
                }}
            </Section>
            <Section title="Next">
                {match next {
                    Some(next) => {
                        let href = format!("/trains/{}/{}", encode(&next.environment), next.number);
                        Either::Left(
                            view! {
                                <p>
                                    <ImageName image=next.image /> " on "
                                    <a href=href>{format!("{} #{}", next.environment, next.number)}</a>
                                </p>
                            },
                        )
                    }
                    None => Either::Right(view! { <p class="dim">"No train would change it."</p> }),
                }}
            </Section>
            </div>
            <Tasks tasks now />
            <Section title="Recent">
                <Recent recent environment=environment.clone() now />
            </Section>
            <Section title="In ECS">
                <dl class="facts wide">
                    <div>
                        <dt>"Service"</dt>
                        <dd><code>{ecs_service}</code></dd>
                    </div>
                    <div>
                        <dt>"Task definition"</dt>
                        <dd><code>{task_definition.unwrap_or_else(|| "not known".to_owned())}</code></dd>
                    </div>
                    <div>
                        <dt>"Container"</dt>
                        <dd><code>{container}</code></dd>
                    </div>
                </dl>
            </Section>
        </div>
    }
}

const fn flight_tone(state: SlotState) -> Tone {
    match state {
        SlotState::Undoing => Tone::Waiting,
        SlotState::NeedsHuman => Tone::Bad,
        _ => Tone::Active,
    }
}

#[component]
fn Recent(recent: Vec<DeploymentSummary>, environment: String, now: Millis) -> impl IntoView {
    if recent.is_empty() {
        return Either::Left(view! { <p class="dim">"Yardmaster has deployed nothing here yet."</p> });
    }
    let rows = recent
        .into_iter()
        .map(|past| view! { <RecentRow past environment=environment.clone() now /> })
        .collect_view();
    Either::Right(view! {
        <DataTable caption="Recent deployments">
            <thead>
                <tr>
                    <th scope="col">"Image"</th>
                    <th scope="col">"Outcome"</th>
                    <th scope="col">"Came by"</th>
                    <th scope="col">"Asked by"</th>
                    <th scope="col">"When"</th>
                    <th scope="col" class="num">"Took"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </DataTable>
    })
}

#[component]
fn RecentRow(past: DeploymentSummary, environment: String, now: Millis) -> impl IntoView {
    let DeploymentSummary {
        id,
        kind,
        state,
        image,
        requested_at,
        ended_at,
        requested_by,
        train,
    } = past;
    let origin = match train {
        Some(number) => Either::Left(view! {
            <a href=format!("/trains/{}/{number}", encode(&environment))>{format!("{environment} #{number}")}</a>
        }),
        None => Either::Right(kind.word()),
    };
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/deployments/{id}")>
                    <ImageName image />
                </a>
            </th>
            <td>{badge(state)}</td>
            <td>{origin}</td>
            <td>{requested_by}</td>
            <td>
                <Time at=requested_at />
            </td>
            <td class="num" data-label="took">{duration_text(ended_at.unwrap_or(now) - requested_at)}</td>
        </tr>
    }
}
