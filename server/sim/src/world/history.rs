//! What happened before the demo began: the record that Yardmaster's demo writes into its own database.
//!
//! It agrees with everything that can be looked up: commits are in the Git repositories, images that had not expired
//! are in ECR, and the last successful deployment of each slot is what runs there.

use serde::{Deserialize, Serialize};

/// About four months of builds, trains and deployments, each oldest first. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// When it was told: nothing in it is later.
    pub until: i64,
    /// CI runs.
    pub builds: Vec<Build>,
    /// Trains that have ended.
    pub trains: Vec<Train>,
    /// Deployments that have ended.
    pub deployments: Vec<Deployment>,
}

/// One CI run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// The run's id at the forge.
    pub run: u64,
    /// Its number in the repository.
    pub number: u64,
    /// The repository with its organization.
    pub repository: String,
    /// The service that it builds.
    pub service: String,
    /// The branch that was pushed.
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// Who wrote it, by login.
    pub author: String,
    /// The first line of its message.
    pub title: String,
    /// When the commit was pushed.
    pub started_at: i64,
    /// When the last stage ended.
    pub ended_at: i64,
    /// Whether every stage succeeded.
    pub succeeded: bool,
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// The image, if the build succeeded.
    pub image: Option<Image>,
}

/// A stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// When it got a machine.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: i64,
    /// `success`, `failure` or `skipped`.
    pub conclusion: String,
}

/// An image that a build pushed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// `sha256:…` of its manifest.
    pub digest: String,
    /// The tags it was pushed with.
    pub tags: Vec<String>,
    /// When.
    pub pushed_at: i64,
    /// Whether ECR still has it.
    pub present: bool,
    /// Whether ECR keeps it in the archive class.
    pub archived: bool,
}

/// A train that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Train {
    /// The environment of its line.
    pub environment: String,
    /// Its number on the line, from 1.
    pub number: u64,
    /// Whether it went by the express lane.
    pub express: bool,
    /// Who answered for it, by login.
    pub captain: String,
    /// Who approved it, by login; never an author of what it carries.
    pub approvers: Vec<String>,
    /// When it was sealed.
    pub sealed_at: i64,
    /// When it left.
    pub departed_at: i64,
    /// When its last car was at rest.
    pub ended_at: i64,
    /// How it ended.
    pub outcome: TrainOutcome,
    /// Its cars, by [`Deployment::id`].
    pub deployments: Vec<u64>,
}

/// How a train ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainOutcome {
    /// Every car arrived.
    Arrived,
    /// Some did.
    PartlyArrived,
    /// None did.
    RolledBack,
}

/// One attempt to make one slot run one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its number in this record, from 1.
    pub id: u64,
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// Why it was made.
    pub cause: Cause,
    /// The commit of the image.
    pub sha: String,
    /// The image.
    pub digest: String,
    /// What ran before; nothing ran before a baseline.
    pub from_digest: Option<String>,
    /// Its task definition, where ECS still knows one.
    pub task_definition: Option<String>,
    /// When it began.
    pub started_at: i64,
    /// When it was at rest.
    pub ended_at: i64,
    /// How it ended.
    pub outcome: Outcome,
}

/// Why a deployment was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// It ran when the record begins.
    Baseline,
    /// It was a car of this train of its environment.
    Train {
        /// The train's number.
        number: u64,
    },
    /// Somebody went back by hand.
    Rollback {
        /// Who, by login.
        by: String,
        /// Why.
        reason: String,
        /// The deployment that was taken back.
        of: u64,
    },
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The image ran.
    Succeeded,
    /// It did not, and the slot was put back.
    RolledBack {
        /// The failure class, by Yardmaster's key (`application-exit`).
        class: String,
        /// How each of its tasks ended.
        task: StoppedTask,
    },
}

/// How a task ended, in ECS's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedTask {
    /// `EssentialContainerExited`, `TaskFailedToStart` …
    pub stop_code: String,
    /// ECS's stopped reason.
    pub reason: String,
    /// The container's exit code, where it ran.
    pub exit_code: Option<i64>,
    /// The container's own reason.
    pub container_reason: Option<String>,
}

impl Deployment {
    /// Whether its image ran in the end.
    pub fn succeeded(&self) -> bool {
        self.outcome == Outcome::Succeeded
    }
}

impl History {
    /// The last successful deployment of a slot: what runs there.
    pub fn running(&self, service: &str, environment: &str) -> Option<&Deployment> {
        self.deployments.iter().rev().find(|deployment| {
            deployment.service == service && deployment.environment == environment && deployment.succeeded()
        })
    }

    /// The build that made an image.
    pub fn build_of(&self, digest: &str) -> Option<&Build> {
        self.builds
            .iter()
            .find(|build| build.image.as_ref().is_some_and(|image| image.digest == digest))
    }
}
