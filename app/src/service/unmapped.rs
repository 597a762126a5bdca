//! `/unmapped`: ECS services that belong to no slot, why, and a form to say what they are.
//! What is unmapped is shown and never deployed.

use leptos::either::Either;
use leptos::prelude::*;

use super::{LoadUnmapped, MapService, Unmapped, UnmappedService};
use crate::live::live;
use crate::ui::{Act, ActForm, ActionNote, EmptyState, Field, FreshnessNote, PageHead, loaded};
use crate::wire::{Question, ask};

/// The unmapped page.
#[component]
pub fn UnmappedPage() -> impl IntoView {
    let tick = live(&["slot", "sync"]);
    let map = Act::new::<MapService>();
    let unmapped = ask(move || Question::new(LoadUnmapped {}).at(tick.get() + map.answered()));
    view! {
        <PageHead title="Unmapped ECS services" crumbs=vec![("/".to_owned(), "Board".to_owned())] />
        <p class="dim">
            "These ECS services run in accounts that Yardmaster reads, but nothing says which service they are. They are never deployed to."
        </p>
        <p>
            <ActionNote act=map />
        </p>
        {loaded(unmapped, move |unmapped| view! { <List unmapped map /> })}
    }
}

#[component]
fn List(unmapped: Unmapped, map: Act) -> impl IntoView {
    let Unmapped {
        services,
        known,
        why_not,
        scopes,
    } = unmapped;
    let scopes = scopes
        .into_iter()
        .map(|scope| view! { <FreshnessNote freshness=scope.freshness name=scope.name /> })
        .collect_view();
    let empty = services.is_empty();
    let options = known
        .into_iter()
        .map(|name| view! { <option value=name></option> })
        .collect_view();
    let cards = services
        .into_iter()
        .map(|service| view! { <Card service why_not=why_not.clone() map /> })
        .collect_view();
    view! {
        <p class="bar">{scopes}</p>
        <datalist id="known-services">{options}</datalist>
        {if empty {
            Either::Left(
                view! { <EmptyState title="Everything is mapped">"Nothing to do here."</EmptyState> },
            )
        } else {
            Either::Right(view! { <ul class="cards">{cards}</ul> })
        }}
    }
}

#[component]
fn Card(service: UnmappedService, why_not: Option<String>, map: Act) -> impl IntoView {
    let UnmappedService {
        arn,
        name,
        scope,
        cluster,
        environment,
        image,
        reason,
        containers,
    } = service;
    let place = match environment {
        Some(environment) => format!("{scope} · cluster {cluster} · {environment}"),
        None => format!("{scope} · cluster {cluster} · no environment"),
    };
    let title = name.clone();
    let form = match why_not {
        Some(why) => Either::Left(view! { <p class="why">{why}</p> }),
        None => {
            let options = containers
                .into_iter()
                .map(|container| view! { <option value=container.clone()>{container.clone()}</option> })
                .collect_view();
            Either::Right(view! {
                <ActForm act=map class="act">
                    <input type="hidden" name="arn" value=arn />
                    <Field label="Is the service">
                        <input name="service" required list="known-services" value=name autocomplete="off" />
                    </Field>
                    <Field label="Container">
                        <select name="container">{options}</select>
                    </Field>
                    <button type="submit" class="button" disabled=move || map.pending()>
                        "Map"
                    </button>
                </ActForm>
            })
        }
    };
    view! {
        <li class="card">
            <h2>{title}</h2>
            <p class="dim">{place}</p>
            <p>{reason}</p>
            {image.map(|image| view! { <p>"Runs " <code>{image}</code></p> })}
            {form}
        </li>
    }
}
