//! `/`: the board.

use leptos::prelude::*;
use leptos_meta::Title;

use super::filter::FilterBar;
use super::needs::Needs;
use super::{Board, BoardEnvironment, BoardFilter, BoardRow, Cell, LoadBoard, ScopeFreshness};
use crate::live::live;
use crate::text::Millis;
use crate::ui::{EmptyState, FreshnessNote, encode, line_class, loaded, use_query};
use crate::wire::{Question, ask};

/// The board page.
#[component]
pub fn BoardPage() -> impl IntoView {
    let query = use_query();
    let filter = Memo::new(move |_| BoardFilter::from_query(&query.get()));
    let tick = live(&["slot", "deployment", "train", "sync", "policy", "repository"]);
    let board = ask(move || Question::new(LoadBoard { filter: filter.get() }).at(tick.get()));
    view! {
        <Title text="Board · Yardmaster" />
        <h1 class="unseen">"Board"</h1>
        {loaded(board, move |board| view! { <Matrix board filter=filter.get_untracked() /> })}
    }
}

#[component]
fn Matrix(board: Board, filter: BoardFilter) -> impl IntoView {
    let Board {
        now,
        environments,
        rows,
        total,
        needs,
        scopes,
        teams,
        unmapped: _,
    } = board;
    let count = match rows.len() {
        shown if filter.is_set() => format!("{shown} of {total} services"),
        _ => format!("{total} services"),
    };
    let empty = rows.is_empty();
    // A tab in the background tells how much waits.
    let title = match needs.len() {
        0 => "Board · Yardmaster".to_owned(),
        waiting => format!("({waiting}) Board · Yardmaster"),
    };
    view! {
        <Title text=title />
        <Needs needs now />
        <div class="bar">
            <FilterBar teams filter />
            <span class="dim num">{count}</span>
            <Scopes scopes now />
        </div>
        {match (empty, total) {
            (true, 0) => view! { <EmptyState title="No service is known yet">
                "Services appear here once an ECS service of a bound cluster is read and mapped. "
                <a href="/unmapped">"See what is unmapped"</a>
            </EmptyState> }.into_any(),
            (true, _) => view! { <EmptyState title="No service matches this filter">
                <a href="/">"Show all"</a>
            </EmptyState> }.into_any(),
            (false, _) => view! { <Table environments rows now /> }.into_any(),
        }}
    }
}

/// The sources of the board and how fresh they are: each that is in trouble, and the oldest of the others.
#[component]
fn Scopes(scopes: Vec<ScopeFreshness>, now: Millis) -> impl IntoView {
    let (bad, good): (Vec<_>, Vec<_>) = scopes
        .into_iter()
        .partition(|scope| scope.freshness.stale || scope.freshness.problem.is_some());
    let names = good
        .iter()
        .map(|scope| scope.name.as_str())
        .collect::<Vec<_>>()
        .join("\n");
    let oldest = good
        .into_iter()
        .map(|scope| scope.freshness)
        .min_by_key(|freshness| freshness.as_of);
    let bad = bad
        .into_iter()
        .map(|scope| view! { <FreshnessNote freshness=scope.freshness now name=scope.name /> })
        .collect_view();
    view! {
        {oldest.map(|freshness| view! {
            <span title=names>
                <FreshnessNote freshness now />
            </span>
        })}
        {bad}
    }
}

#[component]
fn Table(environments: Vec<BoardEnvironment>, rows: Vec<BoardRow>, now: Millis) -> impl IntoView {
    let names: Vec<String> = environments
        .iter()
        .map(|environment| environment.name.clone())
        .collect();
    let class = format!("columns-{}", names.len());
    let heads = environments
        .into_iter()
        .map(|environment| view! { <Column environment /> })
        .collect_view();
    let rows = rows
        .into_iter()
        .map(|row| view! { <Row row names=&names now /> })
        .collect_view();
    view! {
        <div class="scroll board" tabindex="0" role="region" aria-label="Services by environment">
            <table class=class>
                <thead>
                    <tr>
                        <th scope="col">"Service"</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Column(environment: BoardEnvironment) -> impl IntoView {
    let BoardEnvironment { name, train } = environment;
    let path = encode(&name);
    let train = train.map(|(number, word)| {
        view! {
            <a class="on" href=format!("/trains/{path}/{number}")>{format!("#{number} {word}")}</a>
        }
    });
    let line = line_class(&name);
    view! {
        <th scope="col" class=line>
            <a href=format!("/environments/{path}")>{name}</a>
            {train}
        </th>
    }
}

#[component]
fn Row<'a>(row: BoardRow, names: &'a [String], now: Millis) -> impl IntoView + use<> {
    let BoardRow { service, team, cells } = row;
    let path = format!("/services/{}", encode(&service));
    let cells = cells
        .into_iter()
        .zip(names)
        .map(|(cell, name)| match cell {
            Some(cell) => {
                let href = format!("{path}?slot={}", encode(name));
                view! {
                    <td class=line_class(name) data-label=name.clone()>
                        <Cell cell now href />
                    </td>
                }
                .into_any()
            }
            None => view! { <td class="none"><span class="unseen">"not there"</span></td> }.into_any(),
        })
        .collect_view();
    view! {
        <tr>
            <th scope="row">
                <a href=path>{service}</a>
                <span class="team">{team}</span>
            </th>
            {cells}
        </tr>
    }
}
