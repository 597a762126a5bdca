//! ECS's own account of a deployment: its tasks with the reasons they stopped, and its events.

use leptos::prelude::*;

use super::{EventView, TaskView};
use crate::text::Tone;
use crate::ui::{Badge, DataTable, Section, Time};

/// Tasks, newest first.
pub fn tasks_view(tasks: Vec<TaskView>) -> impl IntoView {
    let none = tasks.is_empty();
    let rows = tasks.into_iter().map(row).collect_view();
    view! {
        <Section title="Tasks">
            {if none {
                view! { <p class="dim">"No task was seen."</p> }.into_any()
            } else {
                view! {
                    <DataTable caption="Tasks of this deployment">
                        <thead>
                            <tr>
                                <th scope="col">"Task"</th>
                                <th scope="col">"Status"</th>
                                <th scope="col">"Why it stopped"</th>
                                <th scope="col" class="num">"Exit code"</th>
                                <th scope="col">"Changed"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </DataTable>
                }
                .into_any()
            }}
        </Section>
    }
}

fn row(task: TaskView) -> impl IntoView {
    let tone = match (task.status.as_str(), task.exit_code) {
        ("RUNNING", _) => Tone::Good,
        ("STOPPED", Some(0)) => Tone::Neutral,
        ("STOPPED", _) if task.stop_code.is_some() => Tone::Bad,
        ("STOPPED", _) => Tone::Neutral,
        _ => Tone::Active,
    };
    let short: String = task.id.chars().take(8).collect();
    view! {
        <tr>
            <th scope="row"><code title=task.id>{short}</code></th>
            <td><Badge tone word=task.status/></td>
            <td class="wide">
                {task.stop_code.map(|code| view! { <code>{code}</code> " " })}
                {task.reason}
            </td>
            <td class="num" data-label="exit code">{task.exit_code}</td>
            <td class="nowrap"><Time at=task.at/></td>
        </tr>
    }
}

/// Events in ECS's own words, newest first.
pub fn events_view(events: Vec<EventView>) -> impl IntoView {
    let none = events.is_empty();
    let lines = events
        .into_iter()
        .map(|event| view! { <li><Time at=event.at/> <span>{event.message}</span></li> })
        .collect_view();
    view! {
        <Section title="Events of ECS">
            {none.then(|| view! { <p class="dim">"No event was read."</p> })}
            <ol class="log events">{lines}</ol>
        </Section>
    }
}
