//! Which rows the board shows. The filter lives in the address, so that a link shows the same board to anybody.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::{BoardFilter, DRIFT, SlotState};
use crate::ui::{Query, use_query};

impl BoardFilter {
    /// Reads the address.
    pub fn from_query(query: &Query) -> Self {
        Self {
            team: query.get("team"),
            state: query.get("state"),
            search: query.get("search"),
        }
    }

    /// Whether any row may be left out.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }
}

/// The filter's form: a plain GET; with scripts a choice applies at once.
#[component]
pub fn FilterBar(teams: Vec<String>, filter: BoardFilter) -> impl IntoView {
    let query = use_query();
    let navigate = use_navigate();
    let choose = move |name: &'static str, value: String| {
        let value = (!value.is_empty()).then_some(value);
        let search = query.get_untracked().with(name, value.as_deref());
        navigate(&format!("/{search}"), Default::default());
    };
    let choose_state = choose.clone();
    let is_set = filter.is_set();
    let BoardFilter { team, state, search } = filter;
    let option = |value: String, word: String, chosen: &Option<String>| {
        let selected = chosen.as_ref() == Some(&value);
        view! { <option value=value selected=selected>{word}</option> }
    };
    let teams = teams
        .into_iter()
        .map(|name| option(name.clone(), name, &team))
        .collect_view();
    let states = SlotState::ALL
        .iter()
        .map(|value| (value.as_str(), value.word()))
        .chain([(DRIFT, "Drift")])
        .map(|(value, word)| option(value.to_owned(), word.to_owned(), &state))
        .collect_view();
    let without_search = query.get_untracked().with("search", None);
    view! {
        <form class="filter" action="/" method="get">
            <label>
                <span>"Team"</span>
                <select
                    name="team"
                    prop:value=team.unwrap_or_default()
                    on:change=move |event| choose("team", event_target_value(&event))
                >
                    <option value="">"all"</option>
                    {teams}
                </select>
            </label>
            <label>
                <span>"State"</span>
                <select
                    name="state"
                    prop:value=state.unwrap_or_default()
                    on:change=move |event| choose_state("state", event_target_value(&event))
                >
                    <option value="">"any"</option>
                    {states}
                </select>
            </label>
            {search.map(|search| {
                view! {
                    <input type="hidden" name="search" value=search.clone() />
                    <a class="chip" href=format!("/{without_search}")>
                        {format!("“{search}”")} <span aria-hidden="true">" ×"</span>
                        <span class="unseen">"Show without this search"</span>
                    </a>
                }
            })}
            <button type="submit" class="button">"Filter"</button>
            {is_set.then(|| view! { <a href="/">"Show all"</a> })}
        </form>
    }
}
