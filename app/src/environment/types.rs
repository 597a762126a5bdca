//! An environment's line as pages see it.

use serde::{Deserialize, Serialize};

use crate::text::{Freshness, Millis};
use crate::train::TrainState;

/// One train in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainSummary {
    /// 42
    pub number: i64,
    /// How far.
    pub state: TrainState,
    /// Why it is held.
    pub held: Option<String>,
    /// Names of the services on it.
    pub services: Vec<String>,
    /// What it waits for, or how it ended, in a sentence.
    pub sentence: String,
    /// When it got into its state.
    pub since: Millis,
    /// Captain's name.
    pub captain: Option<String>,
    /// A hotfix train.
    pub express: bool,
}

/// The ECS cluster of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterView {
    /// ECS's word: ACTIVE, PROVISIONING …
    pub status: String,
    /// Services that are ACTIVE.
    pub services: i64,
    /// Running tasks.
    pub running: i64,
    /// Pending tasks.
    pub pending: i64,
    /// When it was last described.
    pub as_of: Millis,
}

/// The environment page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentView {
    /// When this was put together.
    pub now: Millis,
    /// Name.
    pub name: String,
    /// Where it lives: "account 111122223333 · eu-west-1 · cluster production".
    pub binding: String,
    /// The cluster there, where it is known.
    pub cluster: Option<ClusterView>,
    /// The cluster is not there: in a sentence.
    pub astray: Option<String>,
    /// How fresh what is known of it is.
    pub freshness: Freshness,
    /// How its trains board, depart and are approved, one sentence a line.
    pub policy: Vec<String>,
    /// Trains before their end, the boarding one last.
    pub current: Vec<TrainSummary>,
    /// What soaks where this line takes from, and for how much longer; one sentence each.
    pub soaking: Vec<String>,
    /// Trains at their end, newest first.
    pub past: Vec<TrainSummary>,
    /// The `before` of the next page of past trains.
    pub next: Option<i64>,
}
