//! Gates: rules that say Pass, Wait or Block about a train or a car *now*, with a reason and who can resolve it.
//!
//! One file each, pure over [`TrainFacts`] and [`CarFacts`]. *Not proven* is Wait, never Pass. The planner departs on
//! them, the departing transaction asks them again, the train page shows them; `store` keeps the last verdicts so
//! that the page can say since when.

mod alarms;
mod approvals;
mod branch;
mod build;
mod definition;
mod fresh;
mod held;
mod idle;
mod image;
mod known_good;
mod regress;
mod soaked;
mod stages;
mod store;

use app::text::Millis;
use app::train::{GateView, Verdict};

pub use store::{Kept, keep, kept, write};

use crate::train::{Ancestry, CarFacts, TrainFacts};

/// The gates, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// The build of the commit succeeded and counts.
    Build,
    /// The stages that the line asks for succeeded.
    Stages,
    /// The image can be pulled by its digest.
    Image,
    /// The commit is on a branch that may enter.
    Branch,
    /// It contains what runs now.
    Regress,
    /// It ran long enough where it was promoted from.
    Soaked,
    /// The task definition it was made from is what runs.
    Definition,
    /// There is something to go back to.
    KnownGood,
    /// No other deployment holds the slot.
    Idle,
    /// The alarms are quiet.
    Alarms,
    /// What all this was judged by is fresh.
    Fresh,
    /// Nobody holds the train.
    Held,
    /// Those who must agree did.
    Approvals,
}

impl Gate {
    /// The word stored.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Stages => "stages",
            Self::Image => "image",
            Self::Branch => "branch",
            Self::Regress => "regress",
            Self::Soaked => "soaked",
            Self::Definition => "task-definition",
            Self::KnownGood => "known-good",
            Self::Idle => "idle",
            Self::Alarms => "alarms",
            Self::Fresh => "fresh",
            Self::Held => "held",
            Self::Approvals => "approvals",
        }
    }

    /// The name shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Build => "Build succeeded",
            Self::Stages => "Required stages",
            Self::Image => "Image exists",
            Self::Branch => "Branch allowed",
            Self::Regress => "No regress",
            Self::Soaked => "Soaked upstream",
            Self::Definition => "Task definition sound",
            Self::KnownGood => "Way back",
            Self::Idle => "Slot idle",
            Self::Alarms => "Alarms OK",
            Self::Fresh => "Data fresh",
            Self::Held => "Not held",
            Self::Approvals => "Approvals",
        }
    }

    /// Speaks of what a car carries: a car that does not pass it is not sealed in. The others speak of the moment.
    pub const fn of_content(self) -> bool {
        matches!(
            self,
            Self::Build
                | Self::Stages
                | Self::Image
                | Self::Branch
                | Self::Regress
                | Self::Soaked
                | Self::Definition
        )
    }
}

/// What a gate found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which gate.
    pub gate: Gate,
    /// The service of the car it speaks of; `None` speaks of the train.
    pub service: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub sentence: String,
    /// Who can resolve it, or what will.
    pub resolve: Option<String>,
}

impl Finding {
    fn pass(sentence: impl Into<String>) -> Said {
        Said(Verdict::Pass, sentence.into(), None)
    }

    fn wait(sentence: impl Into<String>, resolve: impl Into<String>) -> Said {
        Said(Verdict::Wait, sentence.into(), Some(resolve.into()))
    }

    fn block(sentence: impl Into<String>, resolve: impl Into<String>) -> Said {
        Said(Verdict::Block, sentence.into(), Some(resolve.into()))
    }

    /// "checkout: the image is gone"
    pub fn line(&self) -> String {
        match &self.service {
            Some(service) => format!("{service}: {}", self.sentence),
            None => self.sentence.clone(),
        }
    }
}

/// A gate's answer before it is put to a train or car.
struct Said(Verdict, String, Option<String>);

impl Said {
    fn of(self, gate: Gate, service: Option<&str>) -> Finding {
        Finding {
            gate,
            service: service.map(str::to_owned),
            verdict: self.0,
            sentence: self.1,
            resolve: self.2,
        }
    }
}

/// Every gate of a train, in order: each car's, then the train's own.
pub fn judge(train: &TrainFacts, ancestry: &Ancestry, now: Millis) -> Vec<Finding> {
    let mut findings: Vec<Finding> = train
        .cars
        .iter()
        .flat_map(|car| judge_car(train, car, ancestry, now))
        .collect();
    findings.push(held::judge(&train.train).of(Gate::Held, None));
    findings.push(approvals::judge(train).of(Gate::Approvals, None));
    findings
}

/// The gates of one car.
pub fn judge_car(train: &TrainFacts, car: &CarFacts, ancestry: &Ancestry, now: Millis) -> Vec<Finding> {
    let service = Some(car.slot.service.as_str());
    let mut findings = vec![
        build::judge(car).of(Gate::Build, service),
        stages::judge(train, car).of(Gate::Stages, service),
        image::judge(car).of(Gate::Image, service),
        branch::judge(&train.environment, car).of(Gate::Branch, service),
        regress::judge(&train.environment, car, ancestry).of(Gate::Regress, service),
        definition::judge(car).of(Gate::Definition, service),
        known_good::judge(car).of(Gate::KnownGood, service),
        idle::judge(car).of(Gate::Idle, service),
        alarms::judge(car).of(Gate::Alarms, service),
        fresh::judge(car, now).of(Gate::Fresh, service),
    ];
    if let Some(said) = soaked::judge(car, now) {
        findings.insert(5, said.of(Gate::Soaked, service));
    }
    findings
}

/// Whether nothing waits or blocks.
pub fn all_pass(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict == Verdict::Pass)
}

/// The first thing that is in the way: what blocks before what waits.
pub fn first_in_the_way(findings: &[Finding]) -> Option<&Finding> {
    let of = |verdict| findings.iter().find(|finding| finding.verdict == verdict);
    of(Verdict::Block).or_else(|| of(Verdict::Wait))
}

/// What is in the way, a sentence each: what blocks before what waits.
pub fn in_the_way(findings: &[Finding]) -> Vec<String> {
    let of = |verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    of(Verdict::Block)
        .chain(of(Verdict::Wait))
        .map(Finding::line)
        .collect()
}

/// As the page lists them: blocking first, then waiting, then passing.
pub fn views(findings: &[Finding]) -> Vec<GateView> {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| {
        let rank = match finding.verdict {
            Verdict::Block => 0,
            Verdict::Wait => 1,
            Verdict::Pass => 2,
        };
        (rank, finding.gate, finding.service.clone())
    });
    sorted
        .into_iter()
        .map(|finding| GateView {
            name: finding.gate.name().to_owned(),
            verdict: finding.verdict,
            sentence: finding.sentence.clone(),
            resolve: finding.resolve.clone(),
            service: finding.service.clone(),
        })
        .collect()
}
