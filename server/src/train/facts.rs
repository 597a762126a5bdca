//! What the planner and the gates are told: everything read beforehand, so that deciding needs no database, no Git
//! and no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::build::BuildStatus;
use app::deployment::DeploymentState;
use app::text::Millis;

use super::car::Car;
use super::manifest::ManifestCar;
use super::state::Train;
use crate::approval::Consent;
use crate::deployment::{Standing, UnderWay};
use crate::image::Image;
use crate::policy;
use crate::service::Slot;

/// Everything, for one tick.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Lines in the policy's order.
    pub lines: Vec<Line>,
    /// Who contains whom.
    pub ancestry: Ancestry,
}

/// One environment's line.
#[derive(Debug, Clone)]
pub struct Line {
    /// What policy says of it.
    pub environment: Arc<policy::Environment>,
    /// Trains before their end.
    pub trains: Vec<TrainFacts>,
    /// Slots of the environment.
    pub slots: Vec<SlotFacts>,
}

/// A train before its end, with what its gates look at.
#[derive(Debug, Clone)]
pub struct TrainFacts {
    /// The train.
    pub train: Train,
    /// What policy says of its line.
    pub environment: Arc<policy::Environment>,
    /// The newest policy revision.
    pub policy_revision: i64,
    /// Its cars, in order.
    pub cars: Vec<CarFacts>,
    /// Consent so far, where the line asks for it.
    pub consent: Option<Consent>,
}

/// A car, with what its gates look at.
#[derive(Debug, Clone)]
pub struct CarFacts {
    /// The car.
    pub car: Car,
    /// Its slot.
    pub slot: Slot,
    /// What its train's manifest says of it, once sealed.
    pub sealed: Option<ManifestCar>,
    /// The deployment that holds the slot.
    pub busy: Option<UnderWay>,
    /// When the newest deployment of the slot came to rest.
    pub rested_at: Option<Millis>,
    /// How its own deployment stands.
    pub standing: Option<Standing>,
    /// Builds of its commit, newest first.
    pub builds: Vec<BuildFact>,
    /// Its image, as ECR was last read.
    pub image: Option<Image>,
    /// Branches that contain its commit.
    pub branches: Vec<String>,
    /// Commit of what runs in the slot.
    pub running_commit: Option<String>,
    /// Where it was promoted from, how that stands.
    pub upstream: Option<Upstream>,
    /// Alarms that policy names for it.
    pub alarms: Vec<AlarmFact>,
    /// The sources these facts were read from.
    pub sources: Vec<SourceFact>,
    /// How many verified images the slot could go back to; and how many adopted ones.
    pub known_good: (usize, usize),
    /// Why the image may not board this slot.
    pub refused: Option<String>,
    /// Containers of the task definition that runs; `None` where it was never read.
    pub containers: Option<Vec<String>>,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFact {
    /// `bld_…`
    pub id: String,
    /// The CI's number.
    pub number: i64,
    /// Branch.
    pub branch: String,
    /// Status.
    pub status: BuildStatus,
    /// Proven to be of this repository's branch; `None` is not decided yet.
    pub counts: Option<bool>,
    /// Why it does not count, or is not decided.
    pub counts_why: Option<String>,
    /// Stages and their status.
    pub stages: Vec<(String, BuildStatus)>,
}

/// The slot an image was promoted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Environment.
    pub environment: String,
    /// What runs there.
    pub running: Option<String>,
    /// Digest and end of the last deployment that succeeded there.
    pub arrived: Option<(String, Millis)>,
    /// How long it has to run there.
    pub soak: Millis,
    /// The car's image has run there for that long and was not marked bad since, whatever runs there now.
    pub soaked: bool,
}

/// An alarm that policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmFact {
    /// Name.
    pub name: String,
    /// State and reason; `None` where it was never read.
    pub state: Option<(String, Option<String>)>,
}

/// An account and region as one reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFact {
    /// "ECS in 111122223333 · eu-west-1"
    pub name: String,
    /// When it was last read.
    pub read_at: Option<Millis>,
    /// Rounds missed since.
    pub missed: i64,
    /// Why.
    pub problem: Option<String>,
}

/// A slot and what could board for it.
#[derive(Debug, Clone)]
pub struct SlotFacts {
    /// The slot.
    pub slot: Slot,
    /// Commit of what runs.
    pub running_commit: Option<String>,
    /// When what runs was pushed.
    pub running_pushed_at: Option<Millis>,
    /// Images that policy's sources offer.
    pub candidates: Vec<Candidate>,
}

/// An image that a line's sources offer for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Image repository.
    pub image_repository: String,
    /// Digest.
    pub digest: String,
    /// Commit.
    pub commit: String,
    /// Branch.
    pub branch: Option<String>,
    /// The build that counts.
    pub build_id: Option<String>,
    /// The environment it arrived and soaked in.
    pub promoted_from: Option<String>,
    /// For the express train.
    pub express: bool,
    /// When it was pushed.
    pub pushed_at: Millis,
    /// Its commit is on a branch that may enter this environment.
    pub allowed: bool,
    /// Why it may not board this slot again.
    pub refused: Option<String>,
}

/// Which commits contain which, by repository.
#[derive(Debug, Clone, Default)]
pub struct Ancestry(pub BTreeMap<(String, String, String), bool>);

impl Ancestry {
    /// Whether `descendant` contains `ancestor`; `None` where that is not known.
    pub fn contains(&self, repository: &str, ancestor: &str, descendant: &str) -> Option<bool> {
        if ancestor == descendant {
            return Some(true);
        }
        self.0
            .get(&(repository.to_owned(), ancestor.to_owned(), descendant.to_owned()))
            .copied()
    }
}

impl CarFacts {
    /// The slot's repository; cars only board where there is one.
    pub fn repository(&self) -> &str {
        self.slot.repository.as_deref().unwrap_or_default()
    }

    /// The slot runs this image now.
    pub fn runs_already(&self) -> bool {
        self.slot.runs_now() == Some(self.car.digest.as_str())
    }
}

impl TrainFacts {
    /// The deployment that makes its slot wait for a person, and for which service.
    pub fn needs_human(&self) -> Option<(&str, &str)> {
        self.cars.iter().find_map(|car| {
            let standing = car.standing.as_ref()?;
            (standing.state == DeploymentState::NeedsHuman && !standing.resolved && car.car.phase.in_flight())
                .then(|| {
                    Some((
                        car.slot.service.as_str(),
                        car.car.phase.deployment().unwrap_or_default(),
                    ))
                })
                .flatten()
        })
    }
}
