//! The tasks of a slot, and why those that stopped did.

use leptos::prelude::*;

use super::{SlotTask, SlotTasks, TaskEnd};
use crate::deployment::DiagnosisBox;
use crate::text::{Millis, Tone};
use crate::ui::{Ago, Badge, DataTable, FreshnessNote, ImageName, Section, Time, badge};

/// The list with its age; above it what went wrong where fewer run than should.
#[component]
pub fn Tasks(tasks: SlotTasks, now: Millis) -> impl IntoView {
    let SlotTasks { freshness, list, why } = tasks;
    let none = list.is_empty();
    let is_read = freshness.as_of.is_some();
    let rows = list.into_iter().map(|task| row(task, now)).collect_view();
    view! {
        {why.map(|diagnosis| view! { <DiagnosisBox diagnosis /> })}
        <Section title="Tasks">
            <p class="states">
                <FreshnessNote freshness now />
                <span class="dim">"Read anew when something happens to the service."</span>
            </p>
            {(none && is_read).then(|| view! { <p class="dim">"ECS tells of no task."</p> })}
            {(!none).then(|| view! {
                <DataTable caption="Tasks of this service">
                    <thead>
                        <tr>
                            <th scope="col">"Task"</th>
                            <th scope="col">"Status"</th>
                            <th scope="col">"Health"</th>
                            <th scope="col">"Runs"</th>
                            <th scope="col">"Started"</th>
                            <th scope="col">"Why it stopped"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </DataTable>
            })}
        </Section>
    }
}

fn row(task: SlotTask, now: Millis) -> impl IntoView {
    let SlotTask {
        id,
        status,
        wanted,
        health,
        image,
        started_at,
        end,
    } = task;
    let failed = end.as_ref().is_some_and(|end| end.class.is_some());
    let tone = match (status.as_str(), wanted) {
        _ if failed => Tone::Bad,
        ("RUNNING", true) => Tone::Good,
        (_, true) => Tone::Active,
        (_, false) => Tone::Neutral,
    };
    let short: String = id.chars().take(8).collect();
    view! {
        <tr>
            <th scope="row"><code title=id>{short}</code></th>
            <td><Badge tone word=status /></td>
            <td>{health.map(|health| view! { <Badge tone=health_tone(&health) word=health /> })}</td>
            <td>{image.map(|image| view! { <ImageName image /> })}</td>
            <td class="nowrap">
                {match started_at {
                    Some(at) => view! { <Time at /> }.into_any(),
                    None => view! { <span class="dim">"not yet"</span> }.into_any(),
                }}
            </td>
            <td class="wide">{end.map(|end| ended(end, now))}</td>
        </tr>
    }
}

fn health_tone(health: &str) -> Tone {
    match health {
        "HEALTHY" => Tone::Good,
        _ => Tone::Bad,
    }
}

fn ended(end: TaskEnd, now: Millis) -> impl IntoView {
    let TaskEnd {
        at,
        class,
        sentence,
        said,
    } = end;
    view! {
        {class.map(|class| view! { {badge(class)} " " })}
        {sentence}
        {at.map(|at| view! { " " <Ago at now /> " ago." })}
        {said.map(|said| view! { <span class="dim said">{said}</span> })}
    }
}

#[cfg(test)]
#[cfg(feature = "ssr")]
mod tests {
    use super::*;
    use crate::deployment::{Diagnosis, FailureClass};
    use crate::text::Freshness;

    const NOON: Millis = 1_772_452_800_000;

    fn html(tasks: SlotTasks) -> String {
        Owner::new().with(|| view! { <Tasks tasks now=NOON /> }.to_html())
    }

    #[test]
    fn a_task_that_stopped_says_why_and_when() {
        let task = |status: &str, end: Option<TaskEnd>| SlotTask {
            id: "0123456789abcdef".to_owned(),
            status: status.to_owned(),
            wanted: end.is_none(),
            health: end.is_none().then(|| "HEALTHY".to_owned()),
            image: None,
            started_at: end.is_none().then_some(NOON - 3_600_000),
            end,
        };
        let end = |class, sentence: &str| TaskEnd {
            at: Some(NOON - 120_000),
            class,
            sentence: sentence.to_owned(),
            said: None,
        };
        let sentence = "The application ended with exit code 3.";
        let html = html(SlotTasks {
            freshness: Freshness {
                as_of: Some(NOON),
                ..Freshness::default()
            },
            list: vec![
                task("RUNNING", None),
                task(
                    "STOPPED",
                    Some(end(Some(FailureClass::ApplicationExit), sentence)),
                ),
                task("STOPPED", Some(end(None, "Scaled in"))),
            ],
            why: Some(Diagnosis {
                class: FailureClass::ApplicationExit,
                sentence: "It crashes.".to_owned(),
                evidence: None,
                runbook: vec!["Read its log.".to_owned()],
            }),
        });
        for part in [
            "as of 12:00 UTC",
            "01234567<",
            "badge good\">HEALTHY",
            "badge bad\">STOPPED",
            "badge neutral\">STOPPED",
            sentence,
            "2 min",
            "It crashes.",
            "Read its log.",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_eq!(html.matches("badge bad\">Application exits").count(), 2, "{html}");
    }

    #[test]
    fn what_was_not_read_is_not_called_none() {
        let unread = html(SlotTasks::default());
        assert!(
            unread.contains("not read yet") && !unread.contains("no task"),
            "{unread}"
        );
        let read = html(SlotTasks {
            freshness: Freshness {
                as_of: Some(NOON),
                ..Freshness::default()
            },
            ..SlotTasks::default()
        });
        assert!(read.contains("ECS tells of no task."), "{read}");
    }
}
