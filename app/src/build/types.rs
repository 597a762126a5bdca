//! Builds and deliveries as pages see them.

use serde::{Deserialize, Serialize};

use crate::board::ScopeFreshness;
use crate::text::Millis;
use crate::worded;

worded! {
    /// How far a build or one of its stages is. Later statuses win over earlier ones, whatever order they arrive in.
    BuildStatus {
        /// Asked for.
        Queued = "queued", "Queued", Waiting;
        /// At work.
        Running = "running", "Running", Active;
        /// All well.
        Succeeded = "succeeded", "Succeeded", Good;
        /// Not well.
        Failed = "failed", "Failed", Bad;
        /// Stopped by somebody.
        Cancelled = "cancelled", "Cancelled", Neutral;
        /// Did not apply.
        Skipped = "skipped", "Skipped", Neutral;
    }
}

/// One stage of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageView {
    /// "unit tests"
    pub name: String,
    /// How far.
    pub status: BuildStatus,
    /// When it began.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
}

/// One build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildView {
    /// `bld_…`
    pub id: String,
    /// `acme/checkout`
    pub repository: String,
    /// The CI's own number.
    pub number: i64,
    /// Which try of that number.
    pub attempt: i64,
    /// Name of the workflow.
    pub workflow: String,
    /// The branch the CI says.
    pub branch: String,
    /// Full commit id.
    pub commit: String,
    /// Subject of the commit, where the mirror has it.
    pub subject: Option<String>,
    /// Author of the commit, where the mirror has it.
    pub author: Option<String>,
    /// How far.
    pub status: BuildStatus,
    /// When it began.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Stages in order of start.
    pub stages: Vec<StageView>,
    /// Page of the build at the CI; http or https only.
    pub url: Option<String>,
    /// Image in ECR made from its commit.
    pub image: Option<String>,
    /// Whether it counts for its branch, and why not.
    pub counts: Result<(), String>,
    /// Trains its image is on, as `production/42`.
    pub trains: Vec<String>,
}

/// Which builds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildFilter {
    /// Only of this repository.
    pub repository: Option<String>,
    /// Only of this branch.
    pub branch: Option<String>,
    /// Only in this status.
    pub status: Option<String>,
    /// Only builds older than this id.
    pub before: Option<String>,
}

/// A page of builds, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildPage {
    /// When this was put together.
    pub now: Millis,
    /// At most fifty.
    pub builds: Vec<BuildView>,
    /// The `before` of the next page.
    pub next: Option<String>,
    /// Repositories there are, for the filter.
    pub repositories: Vec<String>,
    /// Those that cannot be fetched now: why, and how they were when last they could.
    pub unfetched: Vec<ScopeFreshness>,
}

worded! {
    /// What became of a webhook delivery.
    DeliveryState {
        /// Stored; not looked at yet.
        Received = "received", "Received", Waiting;
        /// It changed something, or would have but for newer news.
        Applied = "applied", "Applied", Good;
        /// Nothing to do; the reason says why.
        Ignored = "ignored", "Ignored", Neutral;
        /// Could not be read; kept for a person to look at.
        Dead = "dead", "Unreadable", Bad;
    }
}

/// One webhook delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// `dlv_…`
    pub id: String,
    /// The configured source it came in by.
    pub source: String,
    /// The sender's id of it.
    pub delivery: String,
    /// `workflow_run.completed`
    pub event: String,
    /// When it came.
    pub received_at: Millis,
    /// How often the same id came again.
    pub repeats: i64,
    /// What became of it.
    pub state: DeliveryState,
    /// What it did, or why nothing.
    pub effect: String,
}

/// A page of deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryPage {
    /// When this was put together.
    pub now: Millis,
    /// At most a hundred.
    pub deliveries: Vec<DeliveryView>,
    /// The `before` of the next page.
    pub next: Option<String>,
}
