//! One build as a row of the table.

use leptos::prelude::*;

use super::stages::stages_view;
use super::{BuildStatus, BuildView};
use crate::text::Millis;
use crate::ui::{Ago, Time, badge, duration_text};

/// The row.
pub fn row(build: BuildView, now: Millis) -> impl IntoView {
    let short: String = build.commit.chars().take(7).collect();
    let name = format!("{} #{}", build.repository, build.number);
    let name = match build.url {
        Some(url) => view! { <a href=url rel="external noreferrer" target="_blank">{name}</a> }.into_any(),
        None => name.into_any(),
    };
    let again = (build.attempt > 1).then(|| format!(" · attempt {}", build.attempt));
    let took = build
        .started_at
        .zip(build.ended_at)
        .map(|(start, end)| format!(" · {}", duration_text(end - start)));
    let running = build.started_at.filter(|_| build.status == BuildStatus::Running);
    view! {
        <tr>
            <th scope="row">
                {name}
                <div class="dim">{build.workflow} {again}</div>
            </th>
            <td class="wide">
                <div>{build.subject.unwrap_or_else(|| "Commit not read yet".to_owned())}</div>
                <div class="dim">
                    <code title=build.commit>{short}</code> " on " <code>{build.branch}</code>
                    {build.author.map(|author| format!(" · {author}"))}
                </div>
            </td>
            <td class="nowrap">
                <div>{badge(build.status)}</div>
                <div class="dim">
                    {build.started_at.map(|at| view! { <Time at/> })}
                    {took} {running.map(|at| view! { " · for " <Ago at now/> })}
                </div>
            </td>
            <td>{stages_view(&build.id, build.stages, now)}</td>
            <td class="wide">
                {build.image.map(|image| view! { <code class="image">{image}</code> })}
                {build.counts.err().map(|why| view! { <div class="why">"Boards nothing: " {why}</div> })}
            </td>
            <td>{trains_view(build.trains)}</td>
        </tr>
    }
}

/// `production/42` as a link to that train.
fn trains_view(trains: Vec<String>) -> impl IntoView {
    let items = trains
        .into_iter()
        .map(|train| {
            let name = train.replace('/', " #");
            view! { <li><a href=format!("/trains/{train}")>{name}</a></li> }
        })
        .collect_view();
    view! { <ul class="build-trains">{items}</ul> }
}
