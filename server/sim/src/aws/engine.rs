//! The clocked ECS scheduler: what a service's tasks do until now.
//!
//! Nothing runs in the background. Every moving part knows when it moves next (`due`, `wake_at`);
//! [`advance`] goes from one such moment to the next up to now, and after each lets the scheduler decide
//! what to start and stop. So the same calls at the same times give the same world, however late it is asked.
//! The beginnings and ends of deployments are in `rollout` and `verdict`.

use super::endings::{self, Fate};
use super::registry::Registry;
use super::rollout;
use super::service::{Rollout, Service};
use super::state::{Alarms, State};
use super::task::{self, DRAINING, PROVISIONING, Stage, Task};
use super::verdict;
use crate::clock::SimClock;
use std::time::Duration;

/// From UpdateService to the first task.
pub(crate) const START: Duration = Duration::from_secs(10);
/// From a request to stop to its execution.
pub(crate) const HEED: Duration = Duration::from_secs(5);
/// Between two batches of new tasks.
pub(crate) const BATCH: Duration = Duration::from_secs(10);
const PLACEMENT_RETRY: Duration = Duration::from_secs(25);
/// ECS shows stopped tasks for an hour.
const STOPPED_TASKS_KEPT_MILLIS: i64 = 3_600_000;

/// What a service's tasks depend on outside of it.
pub(crate) struct Surroundings<'a> {
    pub registry: &'a Registry,
    pub alarms: &'a Alarms,
    pub clock: &'a SimClock,
}

/// Computes every service up to `now`.
pub(crate) fn advance_all(state: &mut State, clock: &SimClock, now: i64) {
    let world = Surroundings {
        registry: &state.registry,
        alarms: &state.alarms,
        clock,
    };
    for cluster in state
        .clusters
        .values_mut()
        .flat_map(|clusters| clusters.values_mut())
    {
        for service in cluster.services.values_mut() {
            advance(service, &world, now);
        }
    }
}

/// Lets every scheduler decide again, after something outside of the services changed.
pub(crate) fn reconsider(state: &mut State, clock: &SimClock, now: i64) {
    let world = Surroundings {
        registry: &state.registry,
        alarms: &state.alarms,
        clock,
    };
    for cluster in state
        .clusters
        .values_mut()
        .flat_map(|clusters| clusters.values_mut())
    {
        for service in cluster.services.values_mut() {
            schedule(service, &world, now);
        }
    }
}

/// Computes one service up to `now`.
pub(crate) fn advance(service: &mut Service, world: &Surroundings<'_>, now: i64) {
    while let Some(at) = next_due(service).filter(|at| *at <= now) {
        rollout::heed(service, world, at);
        for position in 0..service.tasks.len() {
            task::progress(service, world, position, at);
        }
        schedule(service, world, at);
        service.tasks.retain(|task| {
            task.stopped_at
                .is_none_or(|stopped| stopped > at - STOPPED_TASKS_KEPT_MILLIS)
        });
    }
    let kept = |task: &Task| {
        task.stopped_at
            .is_none_or(|stopped| stopped > now - STOPPED_TASKS_KEPT_MILLIS)
    };
    service.tasks.retain(kept);
}

fn next_due(service: &Service) -> Option<i64> {
    let tasks = service.tasks.iter().filter_map(|task| task.due);
    let records = service.records.iter().filter_map(|record| record.due);
    let wakes = service.primary().and_then(|primary| primary.wake_at);
    tasks.chain(records).chain(wakes).min()
}

/// The scheduler: judges the deployment, stops what is too much, starts what is missing, notices the end.
pub(crate) fn schedule(service: &mut Service, world: &Surroundings<'_>, at: i64) {
    if let Some(primary) = service.primary_mut()
        && primary.wake_at.is_some_and(|wake_at| wake_at <= at)
    {
        primary.wake_at = None;
    }
    if service.primary().is_none_or(|primary| !primary.begun) {
        return;
    }
    verdict::judge(service, world, at);
    // Stopping comes first, as it makes room.
    stop_surplus(service, world, at);
    start_missing(service, world, at);
    verdict::finish(service, at);
}

fn start_missing(service: &mut Service, world: &Surroundings<'_>, at: i64) {
    let Some(primary) = service.primary() else { return };
    if primary.rollout == Rollout::Failed || primary.wake_at.is_some() {
        return;
    }
    let number = primary.number;
    let desired = service.desired as usize;
    let mine = service
        .tasks
        .iter()
        .filter(|task| task.wanted() && task.number == number)
        .count();
    let all = service.tasks.iter().filter(|task| task.wanted()).count();
    let room = (desired * service.policy.maximum_percent as usize / 100)
        .max(1)
        .saturating_sub(all);
    let missing = desired.saturating_sub(mine);
    let batch = missing.min(room).min(desired.div_ceil(2));
    if batch == 0 {
        return;
    }
    let mut started = Vec::new();
    let mut wait = (batch < missing).then_some(BATCH);
    for _ in 0..batch {
        let Some(primary) = service.primary() else { return };
        let fate = match endings::fate(service, primary, world.registry) {
            Fate::Unplaceable => {
                wait = Some(PLACEMENT_RETRY);
                service.say(
                    at,
                    "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again \
                     later or in a different availability zone. For more information, see the Troubleshooting \
                     section of the Amazon ECS Developer Guide.",
                );
                break;
            }
            Fate::Stuck => (None, false),
            Fate::Lives => (None, true),
            Fate::Ends(ending) => (Some(ending), true),
        };
        let (fate, moves) = fate;
        let id = service.fresh_hex();
        service.tasks.push(Task {
            id: id.clone(),
            number,
            stage: if moves {
                Stage::Provisioning
            } else {
                Stage::Pending
            },
            healthy: false,
            fate,
            due: moves.then(|| at + world.clock.pace(PROVISIONING)),
            created_at: at,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            stopped_at: None,
            ending: None,
            version: 1,
        });
        started.push(id);
    }
    if let Some(primary) = service.primary_mut() {
        primary.wake_at = wait.map(|wait| at + world.clock.pace(wait));
        primary.updated_at = at;
    }
    if !started.is_empty() {
        service.steady = false;
        service.say(
            at,
            format!("has started {} tasks: {}.", started.len(), named(&started)),
        );
    }
}

fn stop_surplus(service: &mut Service, world: &Surroundings<'_>, at: i64) {
    let Some(primary) = service.primary() else { return };
    let number = primary.number;
    let gave_up = primary.rollout == Rollout::Failed;
    let desired = service.desired as usize;
    let needed = (desired * service.policy.minimum_healthy_percent as usize).div_ceil(100);
    let healthy = service
        .tasks
        .iter()
        .filter(|task| task.wanted() && task.healthy)
        .count();
    let mine = service
        .tasks
        .iter()
        .filter(|task| task.wanted() && task.number == number)
        .count();
    let mut spare = healthy.saturating_sub(needed);
    let mut excess = mine.saturating_sub(desired);
    let proven = |of: u64| service.deployments.iter().any(|d| d.number == of && d.proven);
    let mut order: Vec<usize> = (0..service.tasks.len()).rev().collect();
    // What never worked goes first, then the older deployment.
    order.sort_by_key(|position| {
        service
            .tasks
            .get(*position)
            .is_some_and(|task| proven(task.number))
    });
    let (mut running, mut pending) = (Vec::new(), Vec::new());
    for position in order {
        let Some(task) = service.tasks.get_mut(position).filter(|task| task.wanted()) else {
            continue;
        };
        let stops = if task.number == number {
            // A deployment that gave up keeps what runs and stops trying.
            let surplus = excess > 0;
            excess = excess.saturating_sub(1);
            surplus || (gave_up && !task.healthy)
        } else if gave_up {
            false
        } else if task.healthy {
            let spared = spare > 0;
            spare = spare.saturating_sub(1);
            spared
        } else {
            true
        };
        if !stops {
            continue;
        }
        let was_pending = task.is_pending();
        task.ending = Some(endings::scaled_in(number, !was_pending));
        task.fate = None;
        task.version += 1;
        task.stopping_at = Some(at);
        if was_pending {
            task.stage = Stage::Stopped;
            task.stopped_at = Some(at);
            task.due = None;
            pending.push(task.id.clone());
        } else {
            task.stage = Stage::Stopping;
            task.due = Some(at + world.clock.pace(DRAINING));
            running.push(task.id.clone());
        }
    }
    if !running.is_empty() {
        service.say(
            at,
            format!(
                "has stopped {} running tasks: {}.",
                running.len(),
                named(&running)
            ),
        );
    }
    if !pending.is_empty() {
        service.say(at, format!("stopped {} pending tasks.", pending.len()));
    }
}

fn named(ids: &[String]) -> String {
    ids.iter()
        .map(|id| format!("(task {id})"))
        .collect::<Vec<_>>()
        .join(" ")
}
