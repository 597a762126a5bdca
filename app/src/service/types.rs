//! A service and its slots as pages see them.

use serde::{Deserialize, Serialize};

use crate::board::{BoardCell, ImageLabel};
use crate::deployment::{Choice, DeploymentKind, DeploymentState, Diagnosis, FailureClass};
use crate::text::{Freshness, Millis};

/// One past deployment in a slot's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSummary {
    /// `dep_…`
    pub id: String,
    /// Where it came from.
    pub kind: DeploymentKind,
    /// How it ended.
    pub state: DeploymentState,
    /// What it brought.
    pub image: ImageLabel,
    /// When it was asked for.
    pub requested_at: Millis,
    /// When it came to rest.
    pub ended_at: Option<Millis>,
    /// Who asked.
    pub requested_by: String,
    /// The train's number.
    pub train: Option<i64>,
}

/// A task of a slot as ECS last told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotTask {
    /// Last part of its ARN.
    pub id: String,
    /// ECS's last status.
    pub status: String,
    /// ECS means it to run.
    pub wanted: bool,
    /// ECS's word on its health, where something checks it.
    pub health: Option<String>,
    /// What it runs, where that is known.
    pub image: Option<ImageLabel>,
    /// When its containers ran.
    pub started_at: Option<Millis>,
    /// How it ended, or is ending.
    pub end: Option<TaskEnd>,
}

/// Why a task stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEnd {
    /// When; `None` while it stops.
    pub at: Option<Millis>,
    /// The class of its failure; `None` where it was stopped because it was not needed any more.
    pub class: Option<FailureClass>,
    /// Plain words, or ECS's where there are none.
    pub sentence: String,
    /// ECS's own words, where they say more.
    pub said: Option<String>,
}

/// The tasks of a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotTasks {
    /// How fresh the list is. Of a steady service it is as old as the last thing that happened to it.
    pub freshness: Freshness,
    /// Those that should run, newest first; then those that stopped.
    pub list: Vec<SlotTask>,
    /// Why fewer run than should, as far as ECS tells.
    pub why: Option<Diagnosis>,
}

/// One slot, for the drawer: Now, In flight, Next, Recent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotView {
    /// Environment.
    pub environment: String,
    /// Now, In flight and Next, as on the board.
    pub cell: BoardCell,
    /// How fresh that is.
    pub freshness: Freshness,
    /// Its tasks.
    pub tasks: SlotTasks,
    /// ECS service ARN.
    pub ecs_service: String,
    /// Task definition that runs, family:revision.
    pub task_definition: Option<String>,
    /// Container that carries the image.
    pub container: String,
    /// Past deployments, newest first, at most ten.
    pub recent: Vec<DeploymentSummary>,
    /// Roll back by hand.
    pub roll_back: Choice,
}

/// The service page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// When this was put together.
    pub now: Millis,
    /// Name.
    pub name: String,
    /// Team.
    pub team: String,
    /// Repository, `acme/checkout`.
    pub repository: Option<String>,
    /// Image repository in ECR.
    pub image_repository: Option<String>,
    /// Slots in the environments' order.
    pub slots: Vec<SlotView>,
}

/// An ECS service that belongs to no slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmappedService {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Account and region.
    pub scope: String,
    /// Its cluster.
    pub cluster: String,
    /// The environment policy puts that cluster in.
    pub environment: Option<String>,
    /// What it runs.
    pub image: Option<String>,
    /// Why it is unmapped and what to do.
    pub reason: String,
    /// Containers of its task definition, to choose from.
    pub containers: Vec<String>,
}

/// The unmapped page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmapped {
    /// When this was put together.
    pub now: Millis,
    /// Services that belong to no slot.
    pub services: Vec<UnmappedService>,
    /// Services they could be mapped to.
    pub known: Vec<String>,
    /// Why the reader cannot map.
    pub why_not: Option<String>,
    /// The sources of all this.
    pub scopes: Vec<crate::board::ScopeFreshness>,
}
