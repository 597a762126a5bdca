//! A deployment as pages see it.

use serde::{Deserialize, Serialize};

use crate::board::ImageLabel;
use crate::text::Millis;
use crate::worded;

worded! {
    /// How far a deployment is. At rest only in the last four.
    DeploymentState {
        /// Asked for; nothing done yet.
        Requested = "requested", "Requested", Waiting;
        /// Checking the image, the service and the slot.
        Preflight = "preflight", "Checking", Active;
        /// The task definition exists.
        Registered = "registered", "Registered", Active;
        /// ECS was told and rolls out.
        Updating = "updating", "Rolling out", Active;
        /// Rolled out; watched for a while.
        Baking = "baking", "Verifying", Active;
        /// Failed or cancelled; the slot is being put back.
        Undoing = "undoing", "Rolling back", Waiting;
        /// Runs what was asked for.
        Succeeded = "succeeded", "Succeeded", Good;
        /// Failed; the slot runs again what it ran before.
        RolledBack = "rolled-back", "Rolled back", Bad;
        /// Failed before anything was changed.
        FailedUnchanged = "failed-unchanged", "Failed, nothing changed", Bad;
        /// Nobody but a person can tell what is true now.
        NeedsHuman = "needs-human", "Needs a human", Bad;
    }
}

impl DeploymentState {
    /// Nothing more happens by itself.
    pub const fn at_rest(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::RolledBack | Self::FailedUnchanged | Self::NeedsHuman
        )
    }
}

worded! {
    /// Why a deployment failed, as far as the texts of ECS tell.
    FailureClass {
        /// The image cannot be pulled.
        ImagePull = "image-pull", "Image cannot be pulled", Bad;
        /// Not enough CPU, memory or capacity; or the container ran out of memory.
        Resources = "resources", "Not enough resources", Bad;
        /// Secrets, roles, log groups, commands: the definition names what is not there.
        Configuration = "configuration", "Configuration is wrong", Bad;
        /// It runs but is not found healthy.
        HealthCheck = "health-check", "Health check fails", Bad;
        /// The container ends by itself.
        ApplicationExit = "application-exit", "Application exits", Bad;
        /// AWS could not provide network, storage or hosts.
        Infrastructure = "infrastructure", "Infrastructure trouble", Bad;
        /// The service's own deployment settings do not let it move.
        DeploymentLimits = "deployment-limits", "Deployment limits", Bad;
        /// The texts do not tell.
        Unknown = "unknown", "Unknown cause", Bad;
    }
}

worded! {
    /// Where a deployment came from.
    DeploymentKind {
        /// A car of a train.
        Train = "train", "Train", Neutral;
        /// A person's return to an earlier image.
        Rollback = "rollback", "Rollback", Neutral;
    }
}

/// One step of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// "Register the task definition"
    pub title: String,
    /// What was found or done.
    pub detail: String,
    /// When it was begun.
    pub started_at: Millis,
    /// When it was done; `None` while under way.
    pub ended_at: Option<Millis>,
    /// Did it go well; `None` while under way.
    pub ok: Option<bool>,
}

/// A line ECS wrote about the service while the deployment was under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// When.
    pub at: Millis,
    /// ECS's own words.
    pub message: String,
}

/// A task that belonged to the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// Last part of its ARN.
    pub id: String,
    /// ECS's last status.
    pub status: String,
    /// ECS's stop code.
    pub stop_code: Option<String>,
    /// ECS's stopped reason.
    pub reason: Option<String>,
    /// Exit code of the container.
    pub exit_code: Option<i64>,
    /// When it was last seen to change.
    pub at: Millis,
}

/// What went wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The class.
    pub class: FailureClass,
    /// Plain words.
    pub sentence: String,
    /// The text it was read from.
    pub evidence: Option<String>,
    /// What to do, step by step.
    pub runbook: Vec<String>,
}

/// Something the reader could do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Says what it will do: "Depart production #42".
    pub label: String,
    /// Why the reader cannot do it now; `None` where they can.
    pub why_not: Option<String>,
}

/// The deployment page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentView {
    /// When this was put together.
    pub now: Millis,
    /// `dep_…`
    pub id: String,
    /// Service.
    pub service: String,
    /// Environment.
    pub environment: String,
    /// Where it came from.
    pub kind: DeploymentKind,
    /// The train's number, for a car.
    pub train: Option<i64>,
    /// How far.
    pub state: DeploymentState,
    /// Running of desired tasks, 0–100.
    pub percent: Option<u32>,
    /// What ran before.
    pub from: Option<ImageLabel>,
    /// What it brings.
    pub to: ImageLabel,
    /// Who asked.
    pub requested_by: String,
    /// Why, for a rollback.
    pub reason: Option<String>,
    /// When it was asked for.
    pub requested_at: Millis,
    /// When it came to rest.
    pub ended_at: Option<Millis>,
    /// When ECS was last read for it.
    pub read_at: Option<Millis>,
    /// When Yardmaster gives up waiting for ECS.
    pub deadline_at: Option<Millis>,
    /// The verdict in a sentence, and on what evidence.
    pub verdict: String,
    /// Journal.
    pub steps: Vec<StepView>,
    /// ECS's events, newest first.
    pub events: Vec<EventView>,
    /// Tasks, newest first.
    pub tasks: Vec<TaskView>,
    /// Why it failed.
    pub diagnosis: Option<Diagnosis>,
    /// ARNs and ids, name and value.
    pub facts: Vec<(String, String)>,
    /// Cancel it and put the slot back.
    pub cancel: Option<Choice>,
    /// Let this image board this slot again.
    pub allow_again: Option<Choice>,
    /// Say that a person has looked (needs-human only).
    pub resolve: Option<Choice>,
    /// Say that what it brought runs well, where a person has to.
    pub vouch: Option<Choice>,
}

/// An image a slot could be rolled back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackTarget {
    /// The image.
    pub image: ImageLabel,
    /// When it was last deployed there.
    pub deployed_at: Millis,
    /// Deployed and verified there; `false` for the adopted baseline.
    pub verified: bool,
    /// What stands against it now; `None` where nothing does.
    pub why_not: Option<String>,
}

/// What the rollback form shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackPlan {
    /// Service.
    pub service: String,
    /// Environment.
    pub environment: String,
    /// What runs now.
    pub now_runs: Option<ImageLabel>,
    /// Targets, most recent first; the first possible one is preselected.
    pub targets: Vec<RollbackTarget>,
    /// Why this reader cannot roll back.
    pub why_not: Option<String>,
    /// What else it does, one sentence a line.
    pub effects: Vec<String>,
}
