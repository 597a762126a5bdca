//! One task of a service, and its way from provisioning to its end.

use super::engine::{BATCH, Surroundings};
use super::service::Service;
use super::spec::Failure;
use super::verdict;
use std::time::Duration;

pub(crate) const PROVISIONING: Duration = Duration::from_secs(10);
const PULLING: Duration = Duration::from_secs(20);
const BECOMING_HEALTHY: Duration = Duration::from_secs(30);
pub(crate) const DRAINING: Duration = Duration::from_secs(20);
/// A task that cannot start gives up this long after provisioning.
const GIVING_UP: Duration = Duration::from_secs(15);
/// A task that will crash is running this long after provisioning …
const CRASHING_START: Duration = Duration::from_secs(5);
/// … and crashes this long after that.
const CRASHING: Duration = Duration::from_secs(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(900);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Provisioning,
    Pending,
    Running,
    Stopping,
    Stopped,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub id: String,
    /// The deployment it belongs to.
    pub number: u64,
    pub stage: Stage,
    pub healthy: bool,
    /// How it will end by itself, if it will.
    pub fate: Option<Ending>,
    /// When it moves on by itself.
    pub due: Option<i64>,
    pub created_at: i64,
    pub pull_started_at: Option<i64>,
    pub pull_stopped_at: Option<i64>,
    pub started_at: Option<i64>,
    pub stopping_at: Option<i64>,
    pub stopped_at: Option<i64>,
    /// Why it stopped; set from the moment it is told to.
    pub ending: Option<Ending>,
    pub version: u32,
}

/// Why a task stopped, in AWS's fields.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub failure: Option<Failure>,
    pub stop_code: &'static str,
    pub stopped_reason: String,
    /// The essential container's.
    pub exit_code: Option<i32>,
    pub container_reason: Option<String>,
}

impl Task {
    /// Alive and meant to stay so.
    pub fn wanted(&self) -> bool {
        !matches!(self.stage, Stage::Stopping | Stage::Stopped)
    }

    pub fn is_pending(&self) -> bool {
        matches!(self.stage, Stage::Provisioning | Stage::Pending)
    }
}

/// Moves one task on if its time has come.
pub(crate) fn progress(service: &mut Service, world: &Surroundings<'_>, position: usize, at: i64) {
    let after = |duration| Some(at + world.clock.pace(duration));
    let Some(task) = service
        .tasks
        .get_mut(position)
        .filter(|task| task.due.is_some_and(|due| due <= at))
    else {
        return;
    };
    task.due = None;
    task.version += 1;
    let starts = task
        .fate
        .as_ref()
        .is_none_or(|ending| ending.stop_code != "TaskFailedToStart");
    match (task.stage, task.fate.take()) {
        (Stage::Provisioning, fate) => {
            task.stage = Stage::Pending;
            task.pull_started_at = Some(at);
            task.due = after(match fate {
                None => PULLING,
                Some(_) if starts => CRASHING_START,
                Some(_) => GIVING_UP,
            });
            task.fate = fate;
        }
        (Stage::Pending, Some(ending)) if !starts => failed(service, world, position, ending, at),
        (Stage::Pending, fate) => {
            task.stage = Stage::Running;
            task.pull_stopped_at = Some(at);
            task.started_at = Some(at);
            task.due = after(if fate.is_some() {
                CRASHING
            } else {
                BECOMING_HEALTHY
            });
            task.fate = fate;
        }
        (Stage::Running, Some(ending)) => failed(service, world, position, ending, at),
        (Stage::Running, None) => {
            task.healthy = true;
            let number = task.number;
            if let Some(deployment) = service.deployments.iter_mut().find(|d| d.number == number) {
                deployment.failures_in_a_row = 0;
            }
            verdict::count_failures(service);
        }
        (Stage::Stopping, _) => {
            task.stage = Stage::Stopped;
            task.stopped_at = Some(at);
        }
        (Stage::Stopped, _) => {}
    }
}

fn failed(service: &mut Service, world: &Surroundings<'_>, position: usize, ending: Ending, at: i64) {
    let Some(task) = service.tasks.get_mut(position) else {
        return;
    };
    task.stage = Stage::Stopped;
    task.stopping_at = Some(at);
    task.stopped_at = Some(at);
    task.ending = Some(ending.clone());
    let (id, number) = (task.id.clone(), task.number);
    if ending.stop_code == "TaskFailedToStart" {
        service.say(
            at,
            format!(
                "was unable to place a task. Reason: {}.",
                ending.stopped_reason.trim_end_matches('.')
            ),
        );
    } else if ending.failure == Some(Failure::HealthCheck) {
        service.say(at, format!("(task {id}) failed container health checks."));
    }
    let Some(deployment) = service.deployments.iter_mut().find(|d| d.number == number) else {
        return;
    };
    deployment.failed_tasks += 1;
    deployment.failures_in_a_row += 1;
    deployment.updated_at = at;
    let failures = deployment.failures_in_a_row;
    let wait = backoff(failures);
    deployment.wake_at = (!wait.is_zero()).then(|| at + world.clock.pace(wait));
    if failures >= 5 && failures.is_multiple_of(5) {
        service.say(
            at,
            "is unable to consistently start tasks successfully. For more information, see the \
             Troubleshooting section of the Amazon ECS Developer Guide.",
        );
    }
    verdict::count_failures(service);
}

/// ECS starts tasks ever more slowly when they keep failing.
fn backoff(failures: u32) -> Duration {
    match failures {
        0..=3 => Duration::ZERO,
        _ => BATCH
            .saturating_mul(2_u32.saturating_pow(failures - 4))
            .min(LONGEST_BACKOFF),
    }
}
