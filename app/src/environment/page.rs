//! `/environments/:name`: the line of one environment: how it runs, what is on it now, what left before.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{ClusterView, EnvironmentView, LoadEnvironment, TrainSummary};
use crate::text::Tone;
use crate::ui::{
    Badge, DataTable, EmptyState, FreshnessNote, PageHead, Pagination, Section, Time, badge, clock_text,
    encode, line_class, still_page, use_query,
};
use crate::wire::Question;

/// The page. `?before=` turns the pages of past trains.
#[component]
pub fn EnvironmentPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query();
    let before = query
        .get_untracked()
        .get("before")
        .and_then(|before| before.parse::<i64>().ok());
    let name = params.read_untracked().get("name").unwrap_or_default();
    still_page(
        &["train", "sync", "policy", "slot", "deployment"],
        move || Question::new(LoadEnvironment { name, before }),
        move |environment| view! { <Line environment first_page=before.is_none()/> },
    )
}

#[component]
fn Line(environment: EnvironmentView, first_page: bool) -> impl IntoView {
    let EnvironmentView {
        name,
        binding,
        cluster,
        astray,
        freshness,
        policy,
        current,
        soaking,
        past,
        next,
        now,
    } = environment;
    let path = format!("/environments/{}", encode(&name));
    let next = next.map(|before| format!("{path}?before={before}"));
    let first = (!first_page).then_some(path);
    let cards = current.into_iter().map(|train| card(&name, train)).collect_view();
    let no_past = past.is_empty();
    let no_current = cards.is_empty();
    let rows = past.into_iter().map(|train| row(&name, train)).collect_view();
    view! {
        <PageHead title=name.clone()>
            <FreshnessNote freshness now/>
        </PageHead>
        <p class=format!("binding {}", line_class(&name))>
            {binding} {cluster.map(|cluster| format!(" · {}", cluster_text(&cluster)))}
        </p>
        {astray.map(|sentence| view! {
            <div class="note bad">
                <p>{sentence}</p>
                <p>"Nothing can run or be deployed here until it is there, or policy names another."</p>
            </div>
        })}
        <Section title="On the line now">
            {no_current.then(|| view! {
                <EmptyState title="No train">
                    <p>"The next one begins to board as soon as a build may enter this environment."</p>
                </EmptyState>
            })}
            <ul class="train-cards">{cards}</ul>
            {(!soaking.is_empty()).then(|| view! {
                <h3>"Comes next"</h3>
                <ul class="policy">{soaking.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
            })}
        </Section>
        <Section title="How this line runs">
            <ul class="policy">{policy.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
        </Section>
        <Section title="Past trains">
            {if no_past {
                let title = if first_page { "No train has left yet" } else { "No older trains" };
                view! { <EmptyState title/> }.into_any()
            } else {
                view! {
                    <DataTable caption=format!("Past trains of {name}")>
                        <thead>
                            <tr>
                                <th scope="col">"Train"</th>
                                <th scope="col">"State"</th>
                                <th scope="col">"Services"</th>
                                <th scope="col">"How it ended"</th>
                                <th scope="col">"Captain"</th>
                                <th scope="col">"When"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </DataTable>
                }
                .into_any()
            }}
            <Pagination first next/>
        </Section>
    }
}

/// "12 services, 24 tasks running, 1 pending as of 12:03 UTC"; its status, too, where it is not ACTIVE.
fn cluster_text(cluster: &ClusterView) -> String {
    let ClusterView {
        status,
        services,
        running,
        pending,
        as_of,
    } = cluster;
    let status = match status.as_str() {
        "ACTIVE" => String::new(),
        other => format!("{other}, "),
    };
    let counted = |count: &i64, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    format!(
        "{status}{}, {} running, {pending} pending as of {}",
        counted(services, "service"),
        counted(running, "task"),
        clock_text(*as_of)
    )
}

fn href(environment: &str, train: &TrainSummary) -> String {
    format!("/trains/{}/{}", encode(environment), train.number)
}

fn services(train: &TrainSummary) -> String {
    match train.services.as_slice() {
        [] => "no car yet".to_owned(),
        services => services.join(", "),
    }
}

fn card(environment: &str, train: TrainSummary) -> impl IntoView + use<> {
    view! {
        <li class="train-card">
            <h3>
                <a href=href(environment, &train)>{format!("{environment} #{}", train.number)}</a>
                {badge(train.state)}
                {train.express.then(|| view! { <Badge tone=Tone::Active word="Express"/> })}
                {train.held.is_some().then(|| view! { <Badge tone=Tone::Waiting word="Held"/> })}
            </h3>
            <p>{train.sentence.clone()}</p>
            {train.held.clone().map(|held| view! { <p class="why">{held}</p> })}
            <p class="dim">
                {services(&train)} " · since " <Time at=train.since/>
                {train.captain.map(|captain| format!(" · captain {captain}"))}
            </p>
        </li>
    }
}

fn row(environment: &str, train: TrainSummary) -> impl IntoView + use<> {
    view! {
        <tr>
            <th scope="row"><a href=href(environment, &train)>{format!("#{}", train.number)}</a></th>
            <td>
                {badge(train.state)}
                {train.express.then(|| view! { " " <Badge tone=Tone::Neutral word="Express"/> })}
            </td>
            <td>{services(&train)}</td>
            <td class="wide">{train.sentence}</td>
            <td>{train.captain.unwrap_or_else(|| "–".to_owned())}</td>
            <td class="nowrap"><Time at=train.since/></td>
        </tr>
    }
}
