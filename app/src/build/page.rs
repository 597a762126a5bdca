//! `/builds`: every CI run that was told of, its stages, its image, and where that went. The filter is in the URL.

use leptos::prelude::*;

use super::row::row;
use super::{BuildFilter, BuildPage, BuildStatus, load_builds};
use crate::live::live;
use crate::ui::{DataTable, EmptyState, PageHead, Pagination, Query, loaded, use_query};

impl BuildFilter {
    /// Reads the address.
    fn from_query(query: &Query) -> Self {
        Self {
            repository: query.get("repository"),
            branch: query.get("branch"),
            status: query.get("status"),
            before: query.get("before"),
        }
    }
}

/// The page.
#[component]
pub fn BuildsPage() -> impl IntoView {
    let query = use_query();
    let changed = live(&["build"]);
    let filter = Memo::new(move |_| BuildFilter::from_query(&query.get()));
    let builds = Resource::new(
        move || (filter.get(), changed.get()),
        |(filter, _)| load_builds(filter),
    );
    view! {
        <PageHead title="Builds">
            <a href="/deliveries">"Webhook deliveries"</a>
        </PageHead>
        {loaded(builds, move |page| view! { <Builds page query=query.get_untracked()/> })}
    }
}

#[component]
fn Builds(page: BuildPage, query: Query) -> impl IntoView {
    let BuildPage {
        now,
        builds,
        next,
        repositories,
    } = page;
    let filter = BuildFilter::from_query(&query);
    let later_page = filter.before.is_some();
    let is_filtered = BuildFilter {
        before: None,
        ..filter.clone()
    } != BuildFilter::default();
    let address = |before: Option<&str>| format!("/builds{}", query.with("before", before));
    let next = next.map(|before| address(Some(&before)));
    let first = later_page.then(|| address(None));
    let none = builds.is_empty();
    let rows = builds.into_iter().map(|build| row(build, now)).collect_view();
    view! {
        <div class="bar"><FilterBar filter repositories is_filtered/></div>
        {match (none, is_filtered || later_page) {
            (true, true) => view! {
                <EmptyState title="No build matches"><a href="/builds">"Show all"</a></EmptyState>
            }
            .into_any(),
            (true, false) => view! {
                <EmptyState title="No build was told of yet">
                    <p>"Point a webhook of your forge at Yardmaster; what it sends is listed under "
                    <a href="/deliveries">"deliveries"</a> "."</p>
                </EmptyState>
            }
            .into_any(),
            (false, _) => view! {
                <DataTable caption="Builds, newest first">
                    <thead>
                        <tr>
                            <th scope="col">"Build"</th>
                            <th scope="col">"Commit"</th>
                            <th scope="col">"Status"</th>
                            <th scope="col">"Stages"</th>
                            <th scope="col">"Image"</th>
                            <th scope="col">"Trains"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </DataTable>
            }
            .into_any(),
        }}
        <Pagination first next/>
    }
}

/// A plain GET form: it works without scripts, and its address can be sent to anybody.
#[component]
fn FilterBar(filter: BuildFilter, repositories: Vec<String>, is_filtered: bool) -> impl IntoView {
    let BuildFilter {
        repository,
        branch,
        status,
        ..
    } = filter;
    let option = |value: String, word: String, chosen: &Option<String>| {
        let selected = chosen.as_ref() == Some(&value);
        view! { <option value=value selected=selected>{word}</option> }
    };
    let repositories = repositories
        .into_iter()
        .map(|name| option(name.clone(), name, &repository))
        .collect_view();
    let statuses = BuildStatus::ALL
        .iter()
        .map(|value| option(value.as_str().to_owned(), value.word().to_owned(), &status))
        .collect_view();
    view! {
        <form class="filter" action="/builds" method="get">
            <label>
                <span>"Repository"</span>
                <select name="repository"><option value="">"all"</option>{repositories}</select>
            </label>
            <label>
                <span>"Branch"</span>
                <input class="text" name="branch" value=branch size="16" autocomplete="off"/>
            </label>
            <label>
                <span>"Status"</span>
                <select name="status"><option value="">"any"</option>{statuses}</select>
            </label>
            <button type="submit" class="button">"Filter"</button>
            {is_filtered.then(|| view! { <a href="/builds">"Show all"</a> })}
        </form>
    }
}
