//! `/builds`: every CI run that was told of, its stages, its image, and where that went. The filter is in the URL.

use leptos::prelude::*;

use super::row::row;
use super::{BuildFilter, BuildPage, BuildStatus, BuildView, LoadBuilds};
use crate::board::ScopeFreshness;
use crate::text::Millis;
use crate::ui::{DataTable, EmptyState, FreshnessNote, PageHead, Pagination, Query, still, use_query};
use crate::wire::Question;

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
    let question = move || {
        let filter = BuildFilter::from_query(&query.get_untracked());
        Question::new(LoadBuilds { filter })
    };
    view! {
        <PageHead title="Builds">
            <a href="/deliveries">"Webhook deliveries"</a>
        </PageHead>
        {still(
            &["build", "repository", "image", "train"],
            question,
            move |page| view! { <Builds page query=query.get_untracked()/> },
        )}
    }
}

/// One page of the list.
#[component]
fn Builds(page: BuildPage, query: Query) -> impl IntoView {
    let filter = BuildFilter::from_query(&query);
    let later_page = filter.before.is_some();
    let is_filtered = BuildFilter {
        before: None,
        ..filter.clone()
    } != BuildFilter::default();
    let address = |before: Option<&str>| format!("/builds{}", query.with("before", before));
    let next = page.next.map(|before| address(Some(&before)));
    let first = later_page.then(|| address(None));
    view! {
        <div class="bar"><FilterBar filter repositories=page.repositories is_filtered/></div>
        {unfetched_view(page.unfetched, page.now)}
        {if page.builds.is_empty() {
            empty_view(is_filtered || later_page).into_any()
        } else {
            table_view(page.builds, page.now).into_any()
        }}
        <Pagination first next/>
    }
}

/// Repositories whose mirror does not follow: their builds count for nothing until it does.
fn unfetched_view(unfetched: Vec<ScopeFreshness>, now: Millis) -> impl IntoView {
    (!unfetched.is_empty()).then(|| {
        let notes = unfetched
            .into_iter()
            .map(|one| view! { <li><FreshnessNote freshness=one.freshness now name=one.name/></li> })
            .collect_view();
        view! {
            <div class="note waiting" role="status">
                <p>"Not every repository can be fetched now. What was pushed there since is not known."</p>
                <ul>{notes}</ul>
            </div>
        }
    })
}

fn empty_view(some_left_out: bool) -> impl IntoView {
    if some_left_out {
        return view! { <EmptyState title="No build matches"><a href="/builds">"Show all"</a></EmptyState> }
            .into_any();
    }
    view! {
        <EmptyState title="No build was told of yet">
            <p>
                "Point a webhook of your forge at Yardmaster; what it sends is listed under "
                <a href="/deliveries">"deliveries"</a> "."
            </p>
        </EmptyState>
    }
    .into_any()
}

fn table_view(builds: Vec<BuildView>, now: Millis) -> impl IntoView {
    let rows = builds.into_iter().map(|build| row(build, now)).collect_view();
    view! {
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
