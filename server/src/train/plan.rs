//! The planner: from the facts to the steps of a tick. Pure; the same facts always give the same steps, and after the
//! steps are done the same question gives none.
//!
//! A line in order: cars that may not stay get off; images that the sources offer get on; trains that must, reopen;
//! trains that can, seal; sealed ones whose gates all pass depart where nobody has to let them; departing ones deploy
//! car by car and end.

use app::deployment::DeploymentState;
use app::text::Millis;
use app::train::{TrainState, Verdict};

use super::boarding;
use super::car::CarPhase;
use super::facts::{Ancestry, Candidate, CarFacts, Facts, Line, TrainFacts};
use super::state::Phase;
use crate::gate;

/// One step. Each is done in a transaction of its own, which compares what it was planned upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A line gets its next boarding train.
    Open {
        /// Environment.
        environment: String,
        /// A hotfix train.
        express: bool,
    },
    /// An image boards; in place of the slot's waiting car, where it has one.
    Board {
        /// The boarding train.
        train: String,
        /// The slot.
        slot: String,
        /// The image.
        image: Candidate,
        /// The car that gets off for it.
        replaces: Option<String>,
    },
    /// A waiting car gets off a boarding train.
    Alight {
        /// Its train.
        train: String,
        /// The car.
        car: String,
        /// Why.
        why: String,
    },
    /// A sealed train takes cars again; its approvals become void.
    Reopen {
        /// The train.
        train: String,
        /// Why.
        why: String,
    },
    /// A boarding train is sealed with these cars; the others get off and wait for the next one.
    Seal {
        /// The train.
        train: String,
        /// Cars that are ready.
        take: Vec<String>,
        /// Cars that are not, and why.
        leave: Vec<(String, String)>,
    },
    /// Approvals that have run out are marked so.
    Expire {
        /// The train.
        train: String,
    },
    /// Every gate passes and nobody has to let it go.
    Depart {
        /// The train.
        train: String,
    },
    /// A car's deployment is asked for.
    Deploy {
        /// Its train.
        train: String,
        /// The car.
        car: String,
    },
    /// A car goes on, as its deployment did.
    Advance {
        /// Its train.
        train: String,
        /// The car.
        car: String,
        /// Where to.
        to: CarPhase,
    },
    /// A train is over.
    End {
        /// The train.
        train: String,
        /// How.
        state: TrainState,
        /// Why, in a sentence.
        why: String,
    },
}

/// Every step there is to do now.
pub fn plan(facts: &Facts, now: Millis) -> Vec<Step> {
    facts
        .lines
        .iter()
        .flat_map(|line| plan_line(line, &facts.ancestry, now))
        .collect()
}

fn plan_line(line: &Line, ancestry: &Ancestry, now: Millis) -> Vec<Step> {
    let mut steps = boarding::plan(line, ancestry);
    for train in &line.trains {
        match &train.train.phase {
            // One thing at a time: a train whose cars change now is looked at again afterwards.
            Phase::Boarding if steps.iter().any(|step| step.changes(&train.train.id)) => {}
            Phase::Boarding => steps.extend(seal(line, train, ancestry, now)),
            Phase::Sealed(_) => steps.extend(sealed(line, train, ancestry, now)),
            Phase::Departing(..) => steps.extend(departing(train)),
            Phase::Ended { .. } => {}
        }
    }
    steps
}

impl Step {
    fn changes(&self, id: &str) -> bool {
        matches!(self, Self::Board { train, .. } | Self::Alight { train, .. } if train == id)
    }

    /// The train it is about.
    pub fn train(&self) -> Option<&str> {
        match self {
            Self::Open { .. } => None,
            Self::Board { train, .. }
            | Self::Alight { train, .. }
            | Self::Reopen { train, .. }
            | Self::Seal { train, .. }
            | Self::Expire { train }
            | Self::Depart { train }
            | Self::Deploy { train, .. }
            | Self::Advance { train, .. }
            | Self::End { train, .. } => Some(train),
        }
    }
}

/// Which waiting cars would be sealed in, and which would stay behind and why: those whose content gates pass, whose
/// slot no express train is about to change, and, where nobody is there to judge that, whose slot is idle.
pub fn ready(
    line: &Line,
    train: &TrainFacts,
    ancestry: &Ancestry,
    now: Millis,
    by_itself: bool,
) -> (Vec<String>, Vec<(String, String)>) {
    let mut take = Vec::new();
    let mut leave = Vec::new();
    for car in &train.cars {
        match not_ready(line, train, car, ancestry, now, by_itself) {
            None => take.push(car.car.id.clone()),
            Some(why) => leave.push((car.car.id.clone(), why)),
        }
    }
    (take, leave)
}

fn not_ready(
    line: &Line,
    train: &TrainFacts,
    car: &CarFacts,
    ancestry: &Ancestry,
    now: Millis,
    by_itself: bool,
) -> Option<String> {
    if let Some(express) = express_ahead(line, train, car) {
        return Some(format!("{express} goes there first"));
    }
    let matters = |finding: &&gate::Finding| {
        finding.verdict != Verdict::Pass
            && (finding.gate.of_content()
                || (by_itself && matches!(finding.gate, gate::Gate::Idle | gate::Gate::Fresh)))
    };
    gate::judge_car(train, car, ancestry, now)
        .iter()
        .find(matters)
        .map(|finding| finding.sentence.trim_end_matches('.').to_owned())
}

/// The express train of the line that is sealed or under way and goes to the same slot.
fn express_ahead(line: &Line, train: &TrainFacts, car: &CarFacts) -> Option<String> {
    if train.train.express {
        return None;
    }
    line.trains
        .iter()
        .filter(|other| other.train.express && !matches!(other.train.phase, Phase::Boarding))
        .find(|other| {
            other
                .cars
                .iter()
                .any(|theirs| theirs.slot.id == car.slot.id && !theirs.car.phase.is_end())
        })
        .map(|other| other.train.title())
}

fn seal(line: &Line, train: &TrainFacts, ancestry: &Ancestry, now: Millis) -> Option<Step> {
    let environment = &line.environment;
    let first = train.cars.iter().map(|car| car.car.boarded_at).min()?;
    let cutoff = Millis::from(environment.cutoff_seconds) * 1_000;
    let by_itself = environment.automatic || train.train.express;
    let due = by_itself || (cutoff > 0 && first + cutoff <= now);
    let track_taken = line.trains.iter().any(|other| {
        other.train.express == train.train.express && !matches!(other.train.phase, Phase::Boarding)
    });
    if !due || track_taken || train.train.held.is_some() {
        return None;
    }
    let (take, leave) = ready(line, train, ancestry, now, true);
    (!take.is_empty()).then(|| Step::Seal {
        train: train.train.id.clone(),
        take,
        leave,
    })
}

fn sealed(line: &Line, train: &TrainFacts, ancestry: &Ancestry, now: Millis) -> Option<Step> {
    let id = train.train.id.clone();
    let sealed = train.train.sealed()?;
    if sealed.policy_revision != train.policy_revision {
        let why = format!(
            "policy revision {} replaces {}",
            train.policy_revision, sealed.policy_revision
        );
        return Some(Step::Reopen { train: id, why });
    }
    if let Some(why) = train
        .cars
        .iter()
        .find_map(|car| express_ahead(line, train, car).map(|express| format!("{express} overtakes it")))
    {
        return Some(Step::Reopen { train: id, why });
    }
    let expired = train.consent.as_ref().is_some_and(|consent| consent.expired(now));
    if expired {
        return Some(Step::Expire { train: id });
    }
    let findings = gate::judge(train, ancestry, now);
    if line.environment.automatic {
        let spoiled = findings
            .iter()
            .find(|finding| finding.gate.of_content() && finding.verdict == Verdict::Block);
        if let Some(finding) = spoiled {
            let why = finding.line().trim_end_matches('.').to_owned();
            return Some(Step::Reopen { train: id, why });
        }
        if gate::all_pass(&findings) {
            return Some(Step::Depart { train: id });
        }
    }
    None
}

fn departing(train: &TrainFacts) -> Vec<Step> {
    let id = &train.train.id;
    let advance = |car: &CarFacts, to: CarPhase| Step::Advance {
        train: id.clone(),
        car: car.car.id.clone(),
        to,
    };
    // What deployments did, first: the rest is decided upon it at the next look.
    let followed: Vec<Step> = train
        .cars
        .iter()
        .filter_map(|car| follow(car).map(|to| advance(car, to)))
        .collect();
    if !followed.is_empty() {
        return followed;
    }
    let waiting = || {
        train
            .cars
            .iter()
            .filter(|car| matches!(car.car.phase, CarPhase::Waiting(_)))
    };
    let failed = train
        .cars
        .iter()
        .find(|car| matches!(car.car.phase, CarPhase::Undone(..) | CarPhase::Failed(..)));
    if let Some(failed) = failed
        && waiting().next().is_some()
    {
        let why = format!(
            "not begun: {} {}; it boards again by itself",
            failed.slot.service,
            failed.car.phase.state().word().to_lowercase()
        );
        return waiting()
            .map(|car| advance(car, CarPhase::Skipped(why.clone())))
            .collect();
    }
    if train.cars.iter().all(|car| car.car.phase.is_end()) {
        let (state, why) = outcome(train);
        return vec![Step::End {
            train: id.clone(),
            state,
            why,
        }];
    }
    if train.train.held.is_some() || train.needs_human().is_some() {
        return Vec::new();
    }
    start(train, id)
}

/// Starts cars in order, as many at a time as the line allows.
fn start(train: &TrainFacts, id: &str) -> Vec<Step> {
    let under_way = train.cars.iter().filter(|car| car.car.phase.in_flight()).count();
    let parallel = usize::try_from(train.environment.parallel.max(1)).unwrap_or(1);
    let mut steps = Vec::new();
    for car in &train.cars {
        let CarPhase::Waiting(note) = &car.car.phase else {
            continue;
        };
        if steps.len() + under_way >= parallel {
            break;
        }
        let (train, id) = (id.to_owned(), car.car.id.clone());
        if car.runs_already() && car.busy.is_none() {
            let to = CarPhase::Skipped("it ran there already".to_owned());
            steps.push(Step::Advance { train, car: id, to });
            continue;
        }
        match &car.busy {
            None => steps.push(Step::Deploy { train, car: id }),
            Some(busy) => {
                let waits = format!("waits for deployment {} in its slot", busy.id);
                if note.as_deref() != Some(waits.as_str()) {
                    let to = CarPhase::Waiting(Some(waits));
                    steps.push(Step::Advance { train, car: id, to });
                }
            }
        }
    }
    steps
}

/// Where a car goes, as its deployment stands.
fn follow(car: &CarFacts) -> Option<CarPhase> {
    let standing = car.standing.as_ref()?;
    let deployment = car.car.phase.deployment()?.to_owned();
    if car.car.phase.is_end() {
        return None;
    }
    let said = || {
        standing
            .verdict
            .clone()
            .unwrap_or_else(|| standing.state.word().to_owned())
    };
    match standing.state {
        DeploymentState::Baking if matches!(car.car.phase, CarPhase::Deploying(_)) => {
            Some(CarPhase::Verifying(deployment))
        }
        DeploymentState::Succeeded => Some(CarPhase::Arrived(deployment)),
        DeploymentState::RolledBack => Some(CarPhase::Undone(deployment, said())),
        DeploymentState::FailedUnchanged => Some(CarPhase::Failed(deployment, said())),
        DeploymentState::NeedsHuman if standing.resolved => Some(CarPhase::Failed(deployment, said())),
        _ => None,
    }
}

/// How a train ended, from its cars.
fn outcome(train: &TrainFacts) -> (TrainState, String) {
    let count =
        |wanted: fn(&CarPhase) -> bool| train.cars.iter().filter(|car| wanted(&car.car.phase)).count();
    let arrived = count(|phase| matches!(phase, CarPhase::Arrived(_)));
    let undone = count(|phase| matches!(phase, CarPhase::Undone(..)));
    let failed = count(|phase| matches!(phase, CarPhase::Failed(..)));
    let skipped = count(|phase| matches!(phase, CarPhase::Skipped(_)));
    let why = train.cars.iter().find_map(|car| match &car.car.phase {
        CarPhase::Undone(_, why) | CarPhase::Failed(_, why) => {
            Some(format!("{}: {}", car.slot.service, why.trim_end_matches('.')))
        }
        _ => None,
    });
    let cars = |number: usize| match number {
        1 => "1 car".to_owned(),
        more => format!("{more} cars"),
    };
    match (arrived, undone, failed, why) {
        (0, 0, 0, _) => (TrainState::Arrived, "Everything ran there already.".to_owned()),
        (arrived, 0, 0, _) => (TrainState::Arrived, format!("{} arrived.", cars(arrived))),
        (0, _, 0, why) => (
            TrainState::RolledBack,
            format!("Rolled back. {}.", why.unwrap_or_default()),
        ),
        (0, _, _, why) => (
            TrainState::Failed,
            format!("Nothing arrived. {}.", why.unwrap_or_default()),
        ),
        (arrived, undone, failed, why) => {
            let left = if skipped == 0 {
                String::new()
            } else {
                format!(", {} not begun", cars(skipped))
            };
            (
                TrainState::PartlyArrived,
                format!(
                    "{} arrived, {} did not{left}. {}.",
                    cars(arrived),
                    cars(undone + failed),
                    why.unwrap_or_default()
                ),
            )
        }
    }
}
