//! A train as pages see it.

use serde::{Deserialize, Serialize};

use crate::board::ImageLabel;
use crate::deployment::Choice;
use crate::text::Millis;
use crate::worded;

worded! {
    /// How far a train is. The last five are ends.
    TrainState {
        /// Takes cars.
        Boarding = "boarding", "Boarding", Active;
        /// Content fixed; waits for its gates and for departure.
        Sealed = "sealed", "Sealed", Waiting;
        /// Its cars are being deployed.
        Departing = "departing", "Departing", Active;
        /// All cars arrived.
        Arrived = "arrived", "Arrived", Good;
        /// Some cars arrived, some did not.
        PartlyArrived = "partly-arrived", "Partly arrived", Waiting;
        /// All cars were put back.
        RolledBack = "rolled-back", "Rolled back", Bad;
        /// No car arrived.
        Failed = "failed", "Failed", Bad;
        /// Given up before departure.
        Cancelled = "cancelled", "Cancelled", Neutral;
    }
}

impl TrainState {
    /// Nothing more happens to it.
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Arrived | Self::PartlyArrived | Self::RolledBack | Self::Failed | Self::Cancelled
        )
    }
}

worded! {
    /// How far a car is.
    CarState {
        /// Not begun.
        Waiting = "waiting", "Waiting", Waiting;
        /// Being deployed.
        Deploying = "deploying", "Deploying", Active;
        /// Deployed; watched for a while.
        Verifying = "verifying", "Verifying", Active;
        /// Runs.
        Arrived = "arrived", "Arrived", Good;
        /// Failed and put back.
        Undone = "undone", "Rolled back", Bad;
        /// Failed.
        Failed = "failed", "Failed", Bad;
        /// Not begun and never will be on this train; or ran already.
        Skipped = "skipped", "Skipped", Neutral;
    }
}

worded! {
    /// What a gate says now.
    Verdict {
        /// In order.
        Pass = "pass", "Pass", Good;
        /// Not yet; may pass by itself or by somebody's act.
        Wait = "wait", "Wait", Waiting;
        /// Refused until something is changed.
        Block = "block", "Block", Bad;
    }
}

/// One gate's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// "Approvals", "Image exists"
    pub name: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub sentence: String,
    /// Who can resolve it, or what will.
    pub resolve: Option<String>,
    /// The service of the car it speaks of; `None` speaks of the train.
    pub service: Option<String>,
}

/// One commit between what runs and what a car brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitView {
    /// Full id.
    pub id: String,
    /// First line.
    pub subject: String,
    /// Author's name.
    pub author: String,
    /// When it was committed.
    pub at: Millis,
}

/// One car.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarView {
    /// `car_…`
    pub id: String,
    /// Service.
    pub service: String,
    /// How far.
    pub state: CarState,
    /// What runs now or ran when it left.
    pub from: Option<ImageLabel>,
    /// What it brings.
    pub to: ImageLabel,
    /// Commits from → to, newest first, at most a hundred; `None` where it cannot be told.
    pub commits: Option<Vec<CommitView>>,
    /// How many there are in all.
    pub commit_count: u64,
    /// Its deployment.
    pub deployment: Option<String>,
    /// Running of desired tasks, 0–100.
    pub percent: Option<u32>,
    /// Why it ended as it did.
    pub note: Option<String>,
}

/// One approval or rejection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Who.
    pub person: String,
    /// Approved, or rejected.
    pub approved: bool,
    /// What they said.
    pub comment: Option<String>,
    /// When.
    pub at: Millis,
    /// Why it does not count; `None` where it does.
    pub void: Option<String>,
}

/// One thing that happened to a train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When.
    pub at: Millis,
    /// Who.
    pub actor: String,
    /// What, in a sentence.
    pub sentence: String,
}

/// What the reader may do with a train; each says why not where they can't.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainChoices {
    /// Seal it.
    pub seal: Option<Choice>,
    /// Reopen it: voids its approvals.
    pub reopen: Option<Choice>,
    /// Approve it.
    pub approve: Option<Choice>,
    /// Reject it.
    pub reject: Option<Choice>,
    /// Let it depart.
    pub depart: Option<Choice>,
    /// Hold it.
    pub hold: Option<Choice>,
    /// Release the hold.
    pub release: Option<Choice>,
    /// Cancel it.
    pub cancel: Option<Choice>,
}

/// The train page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainView {
    /// When this was put together.
    pub now: Millis,
    /// `trn_…`
    pub id: String,
    /// Environment.
    pub environment: String,
    /// 42
    pub number: i64,
    /// How far.
    pub state: TrainState,
    /// Which sealing this is; goes up when it is reopened.
    pub revision: i64,
    /// A hotfix train.
    pub express: bool,
    /// Who holds it and why.
    pub held: Option<String>,
    /// Captain's name.
    pub captain: Option<String>,
    /// When it began to board.
    pub created_at: Millis,
    /// When it was sealed.
    pub sealed_at: Option<Millis>,
    /// When it departed.
    pub departed_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// What it waits for, or how it ended, in a sentence.
    pub sentence: String,
    /// sha256 of the manifest, once sealed.
    pub manifest: Option<String>,
    /// The manifest itself, for people who want to read it.
    pub manifest_text: Option<String>,
    /// Cars in order.
    pub cars: Vec<CarView>,
    /// Every gate, blocking ones first, then waiting ones, then passing ones.
    pub gates: Vec<GateView>,
    /// "1 of 1 approval by a senior developer", where approvals are asked.
    pub requirement: Option<String>,
    /// Approvals and rejections, newest first.
    pub approvals: Vec<ApprovalView>,
    /// Who could approve now: names.
    pub may_approve: Vec<String>,
    /// What happened, newest first.
    pub log: Vec<LogEntry>,
    /// What the reader may do.
    pub choices: TrainChoices,
}

/// A train in the list of what waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Environment.
    pub environment: String,
    /// Number.
    pub number: i64,
    /// Services on it.
    pub services: Vec<String>,
    /// "1 of 2 approvals"
    pub progress: String,
    /// Since when it waits.
    pub since: Millis,
    /// The reader can approve it.
    pub mine: bool,
    /// Why not.
    pub why_not: Option<String>,
}
