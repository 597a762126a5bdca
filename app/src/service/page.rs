//! `/services/{name}?slot={environment}`: where a service runs, and everything about one slot.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::slot::Slot;
use super::{LoadService, ServiceView};
use crate::live::live;
use crate::ui::{EmptyState, PageHead, Tabs, encode, loaded, use_query};
use crate::wire::{Question, ask};

/// The service page.
#[component]
pub fn ServicePage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.read().get("name").unwrap_or_default());
    let query = use_query();
    let slot = Memo::new(move |_| query.get().get("slot"));
    let tick = live(&["slot", "deployment", "train", "sync", "repository"]);
    let service = ask(move || Question::new(LoadService { name: name.get() }).at(tick.get()));
    view! {
        <PageHead title=name crumbs=vec![("/".to_owned(), "Board".to_owned())] />
        {loaded(service, move |service| view! { <Service service chosen=slot.get() /> })}
    }
}

#[component]
fn Service(service: ServiceView, chosen: Option<String>) -> impl IntoView {
    let ServiceView {
        now,
        name,
        team,
        repository,
        image_repository,
        slots,
    } = service;
    let path = format!("/services/{}", encode(&name));
    let shown = chosen
        .filter(|slot| slots.iter().any(|there| there.environment == *slot))
        .or_else(|| slots.last().map(|slot| slot.environment.clone()));
    let tabs = slots
        .iter()
        .map(|slot| {
            let href = format!("{path}?slot={}", encode(&slot.environment));
            (
                href,
                slot.environment.clone(),
                shown.as_ref() == Some(&slot.environment),
            )
        })
        .collect();
    let slot = slots
        .into_iter()
        .find(|slot| Some(&slot.environment) == shown.as_ref());
    let fact = |word: &'static str, value: Option<String>| {
        value.filter(|value| !value.is_empty()).map(|value| {
            view! {
                <div>
                    <dt>{word}</dt>
                    <dd>{value}</dd>
                </div>
            }
        })
    };
    view! {
        <dl class="facts">
            {fact("Team", Some(team))} {fact("Repository", repository)}
            {fact("Image repository", image_repository)}
        </dl>
        <Tabs label="Environments" tabs />
        {match slot {
            Some(slot) => view! { <Slot service=name view=slot now /> }.into_any(),
            None => {
                view! {
                    <EmptyState title="It runs nowhere">
                        "No ECS service is mapped to it. " <a href="/unmapped">"See what is unmapped"</a>
                    </EmptyState>
                }
                    .into_any()
            }
        }}
    }
}
