//! `/services/{name}?slot={environment}`: where a service runs, and everything about one slot.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::slot::Slot;
use super::{LoadService, ServiceView};
use crate::ui::{EmptyState, PageHead, Tabs, encode, still_page, use_query};
use crate::wire::Question;

/// The service page.
#[component]
pub fn ServicePage() -> impl IntoView {
    let name = use_params_map().read_untracked().get("name").unwrap_or_default();
    let chosen = use_query().get_untracked().get("slot");
    still_page(
        &["slot", "deployment", "train", "sync", "repository"],
        move || Question::new(LoadService { name }),
        move |service| view! { <Service service chosen /> },
    )
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
        <PageHead title=name.clone() crumbs=vec![("/".to_owned(), "Board".to_owned())] />
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
