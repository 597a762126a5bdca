//! Four months of trains: which builds went where, and how it ended. Told from the same seed as the commits.
//!
//! Images are still places in the list of builds here; `seed` puts digests and task definitions in.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};

use super::catalogue::{ENVIRONMENTS, FAILURES, REASONS, SERVICES};
use super::history::{Build, Cause, Deployment, History, Outcome, StoppedTask, Train, TrainOutcome};
use super::story::{DAY, DAYS, HOTFIX, HOUR, is_workday};

const MINUTE: i64 = 60_000;

/// What the last days must show: days before the end, environment, service, and whether it fails.
const SCRIPT: &[(i64, &str, &str, bool)] = &[
    (5, "staging", "checkout", false),
    (2, "staging", "catalog", false),
    (2, "staging", "search", false),
    (2, "staging", "inventory", false),
    (1, "production", "checkout", true),
];

/// Adds trains and deployments to a record that has its builds, with every image.
pub fn depart(seed: u64, history: &mut History) {
    let mut yard = Yard {
        random: StdRng::seed_from_u64(seed ^ 0x7261_696c),
        builds: &history.builds,
        slots: BTreeMap::new(),
        staged: BTreeMap::new(),
        bad: BTreeSet::new(),
        numbers: BTreeMap::new(),
        trains: Vec::new(),
        deployments: Vec::new(),
    };
    let begin = history.until - DAYS * DAY;
    yard.baseline(begin + 12 * HOUR);
    for left in (1..DAYS).rev() {
        yard.day(history.until - left * DAY, left);
    }
    let Yard {
        trains, deployments, ..
    } = yard;
    history.trains = trains;
    history.trains.sort_by_key(|train| train.departed_at);
    history.deployments = deployments;
    // A rollback by hand may lie between the cars of another train.
    history
        .deployments
        .sort_by_key(|deployment| (deployment.started_at, deployment.id));
    let renumbered: BTreeMap<u64, u64> = history
        .deployments
        .iter()
        .zip(1..)
        .map(|(deployment, number)| (deployment.id, number))
        .collect();
    let new = |old: u64| renumbered.get(&old).copied().unwrap_or(old);
    for deployment in &mut history.deployments {
        deployment.id = new(deployment.id);
        if let Cause::Rollback { of, .. } = &mut deployment.cause {
            *of = new(*of);
        }
    }
    for train in &mut history.trains {
        for car in &mut train.deployments {
            *car = new(*car);
        }
    }
}

type Slot = (&'static str, &'static str);

struct Yard<'a> {
    random: StdRng,
    builds: &'a [Build],
    /// The build that runs in each slot.
    slots: BTreeMap<Slot, usize>,
    /// Builds that arrived in staging, and when.
    staged: BTreeMap<usize, i64>,
    /// What failed or was taken back in a slot does not board it again.
    bad: BTreeSet<(Slot, usize)>,
    numbers: BTreeMap<&'static str, u64>,
    trains: Vec<Train>,
    deployments: Vec<Deployment>,
}

impl Yard<'_> {
    /// What ran when the record begins: the first image of every service, everywhere.
    fn baseline(&mut self, at: i64) {
        for (environment, _) in ENVIRONMENTS {
            for service in SERVICES {
                let first = self
                    .builds
                    .iter()
                    .position(|build| build.service == service.name && build.branch == "main");
                let Some(first) = first else { continue };
                self.record(
                    (service.name, environment),
                    first,
                    Cause::Baseline,
                    at,
                    at,
                    Outcome::Succeeded,
                );
                self.arrive((service.name, environment), first, at);
            }
        }
    }

    fn day(&mut self, day: i64, left: i64) {
        for (environment, _) in ENVIRONMENTS {
            let hour = match *environment {
                "development" => 15,
                "staging" => 10,
                _ => 13,
            };
            let departure = day + hour * HOUR + self.random.random_range(0..90) * MINUTE;
            let scripted: Vec<(&'static str, bool)> = SCRIPT
                .iter()
                .filter(|(days, place, ..)| (days, place) == (&left, environment))
                .map(|(_, _, service, fails)| (*service, *fails))
                .collect();
            // Dice first, so that the script changes nothing else.
            let leaves = self.random.random_bool(match *environment {
                "production" => 0.5,
                "staging" => 0.75,
                _ => 0.85,
            });
            let length = self
                .random
                .random_range(1..=if *environment == "production" { 3 } else { 2 });
            // Development is where the newest is, on the day of the demo too.
            let (leaves, length) = if *environment == "development" && left <= 4 {
                (true, 4)
            } else {
                (leaves && is_workday(day), length)
            };
            if !scripted.is_empty() {
                let cars = scripted.iter().filter_map(|(service, fails)| {
                    Some((
                        *service,
                        self.candidate((service, environment), departure)?,
                        Some(*fails),
                    ))
                });
                let cars = cars.collect();
                self.train(environment, departure, cars, false);
            } else if leaves {
                let mut cars = self.board(environment, departure, left);
                cars.truncate(length);
                self.train(environment, departure, cars, false);
            }
        }
        if left == HOTFIX.2 {
            let fix = self.builds.iter().position(|build| build.branch == HOTFIX.1);
            let cars = fix
                .map(|build| (HOTFIX.0, build, Some(false)))
                .into_iter()
                .collect();
            self.train("production", day + 17 * HOUR, cars, true);
        }
    }

    /// What could board now, with what should go first in front.
    fn board(
        &mut self,
        environment: &'static str,
        at: i64,
        left: i64,
    ) -> Vec<(&'static str, usize, Option<bool>)> {
        // In the last days the script says what becomes of what it released.
        let spared =
            |service: &str| left < 7 && SCRIPT.iter().any(|(_, _, scripted, _)| *scripted == service);
        let mut cars: Vec<_> = SERVICES
            .iter()
            .filter(|service| environment == "development" || !spared(service.name))
            .filter_map(|service| {
                Some((
                    service.name,
                    self.candidate((service.name, environment), at)?,
                    None,
                ))
            })
            .collect();
        cars.shuffle(&mut self.random);
        if environment == "production" {
            return cars;
        }
        // Upstream, who has waited longest goes first, and a release before everything else.
        let running = |service: &'static str| self.slots.get(&(service, environment)).copied();
        let is_release = |build: usize| self.builds.get(build).is_some_and(|build| build.branch == "main");
        cars.sort_by_key(|(service, build, _)| (!is_release(*build), running(service)));
        cars
    }

    /// The newest build that may board the slot and is newer than what runs there.
    fn candidate(&self, slot: Slot, at: i64) -> Option<usize> {
        let running = self.slots.get(&slot).copied().unwrap_or_default();
        let fits = |index: usize, build: &Build| {
            build.service == slot.0
                && build.ended_at < at
                && build.image.is_some()
                && !self.bad.contains(&(slot, index))
                && match slot.1 {
                    "development" => build.branch.starts_with("feature/") || build.branch == "develop",
                    "staging" => build.branch == "develop" || build.branch == "main",
                    _ => {
                        build.branch == "main"
                            && self
                                .staged
                                .get(&index)
                                .is_some_and(|arrived| arrived + 12 * HOUR < at)
                    }
                }
        };
        let newer = || {
            self.builds
                .iter()
                .enumerate()
                .skip(running + 1)
                .filter(|(index, build)| fits(*index, build))
        };
        // Staging is where releases prove themselves, so they go before what is merely newer.
        let release = newer().rfind(|(_, build)| build.branch == "main");
        let chosen = if slot.1 == "staging" {
            release.or_else(|| newer().next_back())
        } else {
            newer().next_back()
        };
        chosen.map(|(index, _)| index)
    }

    fn train(
        &mut self,
        environment: &'static str,
        departure: i64,
        cars: Vec<(&'static str, usize, Option<bool>)>,
        express: bool,
    ) {
        if cars.is_empty() {
            return;
        }
        let number = *self
            .numbers
            .entry(environment)
            .and_modify(|number| *number += 1)
            .or_insert(1);
        let mut made = Vec::new();
        let mut now = departure;
        let mut arrived = 0;
        let planned = cars.len();
        for (service, build, told) in cars {
            let slot = (service, environment);
            let fails = self.random.random_bool(0.12);
            let minutes = self.random.random_range(3..6);
            let end = now
                + if told.unwrap_or(fails) {
                    minutes * 3
                } else {
                    minutes
                } * MINUTE;
            let outcome = if told.unwrap_or(fails) {
                self.failure(told.is_some())
            } else {
                Outcome::Succeeded
            };
            let succeeded = outcome == Outcome::Succeeded;
            let id = self.record(slot, build, Cause::Train { number }, now, end, outcome);
            made.push(id);
            now = end;
            if !succeeded {
                // The default rule: what has not started yet is skipped.
                self.bad.insert((slot, build));
                break;
            }
            arrived += 1;
            let before = self.slots.get(&slot).copied();
            self.arrive(slot, build, end);
            let regretted = self
                .random
                .random_bool(if environment == "production" { 0.06 } else { 0.02 });
            let hours = self.random.random_range(1..5);
            if let (true, None, Some(before)) = (regretted, told, before) {
                self.roll_back(slot, build, before, id, end + hours * HOUR);
            }
        }
        let approvers = if environment == "production" {
            self.approvers(express)
        } else {
            Vec::new()
        };
        self.trains.push(Train {
            environment: environment.to_owned(),
            number,
            express,
            captain: if express { "ada" } else { "lee" }.to_owned(),
            approvers,
            sealed_at: departure
                - if environment == "production" {
                    3 * HOUR
                } else {
                    MINUTE
                },
            departed_at: departure,
            ended_at: now,
            outcome: match arrived {
                0 => TrainOutcome::RolledBack,
                some if some < planned => TrainOutcome::PartlyArrived,
                _ => TrainOutcome::Arrived,
            },
            deployments: made,
        });
    }

    /// People who write nothing in this story, so that no author approves.
    fn approvers(&mut self, express: bool) -> Vec<String> {
        let both = !express && self.random.random_bool(0.4);
        let one = ["sena", "archie"]
            .choose(&mut self.random)
            .copied()
            .unwrap_or("sena");
        let people: &[&str] = if both { &["sena", "archie"] } else { &[one] };
        people.iter().map(|login| (*login).to_owned()).collect()
    }

    fn failure(&mut self, scripted: bool) -> Outcome {
        let drawn = FAILURES.choose(&mut self.random);
        let chosen = if scripted { FAILURES.first() } else { drawn };
        chosen.map_or(Outcome::Succeeded, |story| Outcome::RolledBack {
            class: story.class.to_owned(),
            task: StoppedTask {
                stop_code: story.stop_code.to_owned(),
                reason: story.reason.to_owned(),
                exit_code: story.exit_code,
                container_reason: story.container_reason.map(str::to_owned),
            },
        })
    }

    fn roll_back(&mut self, slot: Slot, build: usize, before: usize, of: u64, at: i64) {
        let (by, reason) = (
            if self.random.random_bool(0.5) {
                "lee"
            } else {
                "ada"
            },
            REASONS.choose(&mut self.random).copied().unwrap_or_default(),
        );
        let cause = Cause::Rollback {
            by: by.to_owned(),
            reason: reason.to_owned(),
            of,
        };
        self.bad.insert((slot, build));
        self.record(slot, before, cause, at, at + 4 * MINUTE, Outcome::Succeeded);
        self.slots.insert(slot, before);
    }

    fn arrive(&mut self, slot: Slot, build: usize, at: i64) {
        self.slots.insert(slot, build);
        if slot.1 == "staging" {
            self.staged.entry(build).or_insert(at);
        }
    }

    fn record(
        &mut self,
        slot: Slot,
        build: usize,
        cause: Cause,
        from: i64,
        to: i64,
        outcome: Outcome,
    ) -> u64 {
        let digest = |index: usize| {
            let build = self.builds.get(index)?;
            Some(build.image.as_ref()?.digest.clone())
        };
        let id = self.deployments.len() as u64 + 1;
        self.deployments.push(Deployment {
            id,
            service: slot.0.to_owned(),
            environment: slot.1.to_owned(),
            cause,
            sha: self
                .builds
                .get(build)
                .map(|build| build.sha.clone())
                .unwrap_or_default(),
            digest: digest(build).unwrap_or_default(),
            from_digest: self.slots.get(&slot).copied().and_then(digest),
            task_definition: None,
            started_at: from,
            ended_at: to,
            outcome,
        });
        id
    }
}
