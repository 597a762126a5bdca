//! The tasks of a slot as its page shows them, and why fewer run than should.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use app::board::ImageLabel;
use app::deployment::{Diagnosis, FailureClass};
use app::service::{SlotTask, SlotTasks, TaskEnd};
use app::text::{Freshness, Millis};

use super::Slot;
use super::mapping::image_repository;
use crate::aws::{EcsEvent, TaskContainer, last_part};
use crate::db::{Db, Inconsistent};
use crate::deployment::diagnose::{TaskEvidence, diagnose, runbook};
use crate::image::label;

/// How long after its end a task is shown while everything runs; as long as ECS itself tells of it.
const SHOWN: Millis = 3_600_000;
/// After this ECS has nothing more to complain of.
const STEADY: &str = "has reached a steady state";

#[derive(sqlx::FromRow)]
struct Row {
    arn: String,
    status: String,
    desired_status: String,
    health: Option<String>,
    created_at: Millis,
    started_at: Option<Millis>,
    stopped_at: Option<Millis>,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    containers: String,
}

/// A task that was read.
struct Task {
    row: Row,
    containers: Vec<TaskContainer>,
}

/// What is known of a slot's tasks; `source`: how reading tasks in its account goes.
///
/// # Errors
/// The database does not answer, or a row in it cannot be read.
pub(super) async fn tasks(db: &Db, slot: &Slot, source: Freshness) -> anyhow::Result<SlotTasks> {
    let read: Option<(Option<Millis>, Option<String>)> =
        sqlx::query_as("SELECT tasks_read_at, events FROM ecs_service WHERE arn = $1")
            .bind(&slot.ecs_service_arn)
            .fetch_optional(db.read())
            .await?;
    let Some((Some(read_at), events)) = read else {
        let freshness = Freshness {
            as_of: None,
            ..source
        };
        return Ok(SlotTasks {
            freshness,
            ..SlotTasks::default()
        });
    };
    let events: Vec<EcsEvent> = serde_json::from_str(&events.unwrap_or_else(|| "[]".to_owned()))?;
    let short = slot.running < slot.desired;
    let mut tasks = load(db, &slot.ecs_service_arn).await?;
    let now = db.now();
    tasks.retain(|task| short || task.row.stopped_at.is_none_or(|at| now - at < SHOWN));
    let why = short.then(|| why(&tasks, &events, &slot.container)).flatten();
    let mut images: BTreeMap<String, ImageLabel> = BTreeMap::new();
    for task in &tasks {
        if let Some((digest, reference)) = image(task, &slot.container)
            && !images.contains_key(digest)
        {
            let found = label(db, Some(image_repository(reference)), digest).await?;
            images.insert(digest.clone(), found);
        }
    }
    Ok(SlotTasks {
        freshness: Freshness {
            as_of: Some(read_at),
            ..source
        },
        list: tasks
            .iter()
            .map(|task| shown(task, &images, &slot.container))
            .collect(),
        why,
    })
}

/// Those that should run first, then the newest.
async fn load(db: &Db, service: &str) -> anyhow::Result<Vec<Task>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT arn, status, desired_status, health, created_at, started_at, stopped_at, stop_code, stopped_reason,
                containers FROM task WHERE ecs_service_arn = $1",
    )
    .bind(service)
    .fetch_all(db.read())
    .await?;
    let mut tasks = Vec::new();
    for row in rows {
        let containers = serde_json::from_str(&row.containers).map_err(|cause| Inconsistent {
            table: "task",
            id: row.arn.clone(),
            what: cause.to_string(),
        })?;
        tasks.push(Task { row, containers });
    }
    tasks.sort_by_key(|Task { row, .. }| {
        let at = row.stopped_at.unwrap_or(row.created_at);
        (row.stopped_at.is_some(), Reverse(at), row.arn.clone())
    });
    Ok(tasks)
}

/// Digest and reference of the image in the slot's container.
fn image<'a>(task: &'a Task, container: &str) -> Option<(&'a String, &'a str)> {
    let ours = task.containers.iter().find(|one| one.name == container)?;
    Some((ours.digest.as_ref()?, &ours.image))
}

fn evidence(task: &Task, container: &str) -> TaskEvidence {
    let Task { row, containers } = task;
    TaskEvidence::of(
        row.stop_code.as_ref(),
        row.stopped_reason.as_ref(),
        containers,
        container,
    )
}

/// What went wrong since the service was steady last; `None` where nothing that ECS says tells.
fn why(tasks: &[Task], events: &[EcsEvent], container: &str) -> Option<Diagnosis> {
    let steady = events
        .iter()
        .find(|event| event.message.contains(STEADY))
        .map(|event| event.at);
    let since = |at: Millis| steady.is_none_or(|steady| at > steady);
    let tasks: Vec<TaskEvidence> = tasks
        .iter()
        .filter(|task| task.row.stopped_at.is_some_and(since))
        .map(|task| evidence(task, container))
        .collect();
    let events: Vec<String> = events
        .iter()
        .filter(|event| since(event.at))
        .map(|event| event.message.clone())
        .collect();
    let found = diagnose(&tasks, &events, "");
    (found.class != FailureClass::Unknown).then(|| Diagnosis {
        class: found.class,
        sentence: found.sentence,
        evidence: found.evidence,
        runbook: runbook(found.class)
            .iter()
            .map(|step| (*step).to_owned())
            .collect(),
    })
}

fn shown(task: &Task, images: &BTreeMap<String, ImageLabel>, container: &str) -> SlotTask {
    let row = &task.row;
    let wanted = row.desired_status != "STOPPED" && row.status != "STOPPED";
    SlotTask {
        id: last_part(&row.arn).to_owned(),
        status: row.status.clone(),
        wanted,
        health: row.health.clone().filter(|health| health != "UNKNOWN"),
        image: image(task, container).and_then(|(digest, _)| images.get(digest).cloned()),
        started_at: row.started_at,
        end: (!wanted).then(|| end(row, evidence(task, container))),
    }
}

fn end(row: &Row, evidence: TaskEvidence) -> TaskEnd {
    let failed = matches!(
        evidence.stop_code.as_deref(),
        Some("TaskFailedToStart" | "EssentialContainerExited")
    );
    let said = evidence
        .container_reason
        .clone()
        .or_else(|| evidence.reason.clone());
    let found = diagnose(&[evidence], &[], "");
    match found.class {
        // Stopped because it was not needed any more, or ECS does not say why.
        FailureClass::Unknown => TaskEnd {
            at: row.stopped_at,
            class: failed.then_some(FailureClass::Unknown),
            sentence: said.unwrap_or_else(|| "ECS does not say why.".to_owned()),
            said: None,
        },
        class => TaskEnd {
            at: row.stopped_at,
            class: Some(class),
            said: found.evidence.filter(|evidence| *evidence != found.sentence),
            sentence: found.sentence,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(stopped_at: Option<Millis>, code: &str, reason: &str, exit_code: Option<i64>) -> Task {
        Task {
            row: Row {
                arn: "arn:aws:ecs:eu-west-1:111122223333:task/staging/1".to_owned(),
                status: "STOPPED".to_owned(),
                desired_status: "STOPPED".to_owned(),
                health: None,
                created_at: 0,
                started_at: None,
                stopped_at,
                stop_code: Some(code.to_owned()),
                stopped_reason: Some(reason.to_owned()),
                containers: String::new(),
            },
            containers: vec![TaskContainer {
                name: "web".to_owned(),
                image: "nginx:1".to_owned(),
                digest: None,
                exit_code,
                reason: None,
            }],
        }
    }

    fn event(at: Millis, message: &str) -> EcsEvent {
        EcsEvent {
            id: at.to_string(),
            at,
            message: format!("(service web) {message}"),
        }
    }

    fn crashed(at: Millis) -> Task {
        let reason = "Essential container in task exited";
        task(Some(at), "EssentialContainerExited", reason, Some(3))
    }

    #[test]
    fn what_healed_does_not_explain_what_is_wrong_now() {
        let class = |tasks: &[Task], events: &[EcsEvent]| why(tasks, events, "web").map(|found| found.class);
        let steady = event(20, "has reached a steady state.");
        assert_eq!(class(&[crashed(10)], &[]), Some(FailureClass::ApplicationExit));
        assert_eq!(class(&[crashed(10)], std::slice::from_ref(&steady)), None);
        let full = event(
            30,
            "was unable to place a task. Reason: Capacity is unavailable at this time.",
        );
        assert_eq!(
            class(&[crashed(10)], &[full, steady]),
            Some(FailureClass::Resources),
            "no task at all: the events tell"
        );
    }

    #[test]
    fn a_task_that_was_not_needed_has_not_failed() {
        let told = |task: &Task| {
            shown(task, &BTreeMap::new(), "web")
                .end
                .unwrap_or_else(|| panic!("it ended"))
        };
        let reason = "Scaling activity initiated by (deployment ecs-svc/1)";
        let scaled = told(&task(Some(1), "ServiceSchedulerInitiated", reason, Some(0)));
        assert_eq!((scaled.class, scaled.sentence.as_str()), (None, reason));
        let crashed = told(&crashed(1));
        assert_eq!(crashed.class, Some(FailureClass::ApplicationExit));
        assert!(crashed.sentence.contains("exit code 3"), "{}", crashed.sentence);
        let silent = told(&task(Some(1), "TaskFailedToStart", "Task failed to start", None));
        assert_eq!(silent.class, Some(FailureClass::Unknown));
    }
}
