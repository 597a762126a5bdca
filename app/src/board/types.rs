//! The service × environment matrix as the page sees it.

use serde::{Deserialize, Serialize};

use crate::text::Millis;
use crate::worded;

worded! {
    /// What is going on in a slot.
    SlotState {
        /// Runs what was deployed last; nothing under way.
        Running = "running", "Running", Good;
        /// A deployment is under way.
        Deploying = "deploying", "Deploying", Active;
        /// A failed deployment is being undone.
        Undoing = "undoing", "Rolling back", Waiting;
        /// The last deployment failed; the slot runs what it ran before.
        Failed = "failed", "Last deployment failed", Bad;
        /// A deployment came to rest where a person has to look.
        NeedsHuman = "needs-human", "Needs a human", Bad;
        /// Nothing is known to run.
        Empty = "empty", "Nothing runs", Neutral;
    }
}

worded! {
    /// Whether what should run does run. A second axis beside [`SlotState`], never mixed with it.
    Health {
        /// As many tasks as desired.
        Healthy = "healthy", "Healthy", Good;
        /// Some tasks are missing.
        Degraded = "degraded", "Degraded", Waiting;
        /// None of the desired tasks run.
        Down = "down", "Down", Bad;
        /// Scaled to zero on purpose.
        Idle = "idle", "Scaled to zero", Neutral;
        /// Not read, or too long ago.
        Unknown = "unknown", "Unknown", Neutral;
    }
}

/// An image as people recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLabel {
    /// `sha256:…`, the identity.
    pub digest: String,
    /// Branch and short commit, or a tag, or the short digest: the best name there is.
    pub name: String,
    /// Full commit id where it is known.
    pub commit: Option<String>,
    /// The branch it was built from where it is known.
    pub branch: Option<String>,
    /// Subject of the commit where it is known.
    pub subject: Option<String>,
}

/// A deployment that holds the slot, in a cell: under way, or waiting for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// `dep_…`
    pub deployment: String,
    /// What it is doing, one word.
    pub word: String,
    /// The image it brings.
    pub image: ImageLabel,
    /// Running of desired tasks, 0–100, where ECS says.
    pub percent: Option<u32>,
}

/// A train a cell's service is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainRef {
    /// `production`
    pub environment: String,
    /// 42
    pub number: i64,
    /// The image it would bring.
    pub image: ImageLabel,
}

/// One service in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardCell {
    /// What runs; `None` where nothing is known.
    pub image: Option<ImageLabel>,
    /// Since when it runs.
    pub deployed_at: Option<Millis>,
    /// What is going on.
    pub state: SlotState,
    /// Whether it runs well.
    pub health: Health,
    /// Running tasks.
    pub running: i64,
    /// Desired tasks.
    pub desired: i64,
    /// Commits of the line's source branch that are not in what runs; `None` where it cannot be told.
    pub behind: Option<i64>,
    /// The deployment that holds the slot.
    pub in_flight: Option<InFlight>,
    /// What runs is not what was deployed last; in a sentence.
    pub drift: Option<String>,
    /// The train that would change it next.
    pub next: Option<TrainRef>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardRow {
    /// Name of the service.
    pub service: String,
    /// Team that owns it; empty where none is known.
    pub team: String,
    /// One entry per environment of the board, in its order; `None` where the service is not in it.
    pub cells: Vec<Option<BoardCell>>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardEnvironment {
    /// `production`
    pub name: String,
    /// Number of the train now boarding or sealed there, and its state's word.
    pub train: Option<(i64, String)>,
}

/// Something that waits for the reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// A sentence: "production #42 waits for your approval".
    pub sentence: String,
    /// Where to act.
    pub href: String,
    /// Since when.
    pub since: Option<Millis>,
    /// Bad things before waiting things.
    pub urgent: bool,
}

/// An account and region that is read, and how that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeFreshness {
    /// "prod · eu-west-1"
    pub name: String,
    /// How fresh.
    pub freshness: crate::text::Freshness,
}

/// The state to filter by that is none of [`SlotState`]: something else runs than what was deployed.
pub const DRIFT: &str = "drift";

/// Which rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BoardFilter {
    /// Only this team's.
    pub team: Option<String>,
    /// Only rows with a cell in this state; [`DRIFT`] besides.
    pub state: Option<String>,
    /// Text in the service's name.
    pub search: Option<String>,
}

/// The whole board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// When this was put together.
    pub now: Millis,
    /// Columns, in order.
    pub environments: Vec<BoardEnvironment>,
    /// Rows, by name.
    pub rows: Vec<BoardRow>,
    /// How many rows there are without the filter.
    pub total: u32,
    /// What waits for the reader, most urgent first.
    pub needs: Vec<Need>,
    /// The sources of all this.
    pub scopes: Vec<ScopeFreshness>,
    /// Teams there are.
    pub teams: Vec<String>,
    /// How many ECS services are mapped to nothing.
    pub unmapped: u32,
}
