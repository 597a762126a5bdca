//! `/audit`: who did what, when and why. The filter is in the URL.

use leptos::prelude::*;

use super::{AuditEntry, AuditFilter, AuditPage as Entries, LoadAudit};
use crate::ui::{DataTable, EmptyState, PageHead, Pagination, Query, Time, still, use_query};
use crate::wire::Question;

impl AuditFilter {
    /// Reads the address.
    fn from_query(query: &Query) -> Self {
        Self {
            actor: query.get("actor"),
            action: query.get("action"),
            subject: query.get("subject"),
            before: query.get("before").and_then(|before| before.parse().ok()),
        }
    }
}

/// The page. It stands still while somebody reads; a reload shows what came since.
#[component]
pub fn AuditPage() -> impl IntoView {
    let query = use_query();
    let question = move || {
        let filter = AuditFilter::from_query(&query.get_untracked());
        Question::new(LoadAudit { filter })
    };
    view! {
        <PageHead title="Audit"/>
        {still(&[], question, move |page| view! { <Page page query=query.get_untracked()/> })}
    }
}

#[component]
fn Page(page: Entries, query: Query) -> impl IntoView {
    let Entries { entries, next, chain } = page;
    let filter = AuditFilter::from_query(&query);
    let later_page = filter.before.is_some();
    let is_filtered = AuditFilter {
        before: None,
        ..filter.clone()
    } != AuditFilter::default();
    let address = |before: Option<&str>| format!("/audit{}", query.with("before", before));
    let next = next.map(|before| address(Some(&before.to_string())));
    let first = later_page.then(|| address(None));
    let none = entries.is_empty();
    view! {
        <p class="dim">{chain}</p>
        <div class="bar"><FilterBar filter is_filtered/></div>
        {match (none, is_filtered || later_page) {
            (true, true) => view! {
                <EmptyState title="No entry matches"><a href="/audit">"Show all"</a></EmptyState>
            }
            .into_any(),
            (true, false) => view! {
                <EmptyState title="Nothing was done yet"><p>"Every act is written down here, for ever."</p></EmptyState>
            }
            .into_any(),
            (false, _) => view! {
                <DataTable caption="Audit entries, newest first">
                    <thead>
                        <tr>
                            <th scope="col" class="num">"Entry"</th>
                            <th scope="col">"When"</th>
                            <th scope="col">"Who"</th>
                            <th scope="col">"What"</th>
                            <th scope="col">"On"</th>
                            <th scope="col">"Why, and what else"</th>
                            <th scope="col">"Seal"</th>
                        </tr>
                    </thead>
                    <tbody>{entries.into_iter().map(row).collect_view()}</tbody>
                </DataTable>
            }
            .into_any(),
        }}
        <Pagination first next/>
    }
}

fn row(entry: AuditEntry) -> impl IntoView {
    let subject = match entry.href {
        Some(href) => view! { <a href=href>{entry.subject}</a> }.into_any(),
        None => entry.subject.into_any(),
    };
    let details = entry
        .details
        .into_iter()
        .map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> })
        .collect_view();
    view! {
        <tr>
            <th scope="row" class="num">{entry.seq}</th>
            <td class="nowrap"><Time at=entry.at/></td>
            <td>{entry.actor}</td>
            <td><code>{entry.action}</code></td>
            <td>{subject}</td>
            <td class="wide">{(!details.is_empty()).then(|| view! { <dl class="audit-details">{details}</dl> })}</td>
            <td><code class="digest">{entry.seal}</code></td>
        </tr>
    }
}

#[component]
fn FilterBar(filter: AuditFilter, is_filtered: bool) -> impl IntoView {
    let input = |name: &'static str, word: &'static str, value: Option<String>| {
        view! {
            <label>
                <span>{word}</span>
                <input class="text" name=name value=value size="14" autocomplete="off"/>
            </label>
        }
    };
    view! {
        <form class="filter" action="/audit" method="get">
            {input("actor", "Who", filter.actor)}
            {input("action", "What begins with", filter.action)}
            {input("subject", "On", filter.subject)}
            <button type="submit" class="button">"Filter"</button>
            {is_filtered.then(|| view! { <a href="/audit">"Show all"</a> })}
        </form>
    }
}
