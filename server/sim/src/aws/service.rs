//! One ECS service: its deployments in both of AWS's views, and its events. Its tasks are in `task`.
//!
//! Plain data and the questions one can ask it; what happens over time is in `engine`.

use super::spec::{Failure, Script, ServiceSpec};
use super::state::{Place, Tags};
use super::task::Task;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;

/// AWS keeps as many events of a service.
const EVENTS_KEPT: usize = 100;

#[derive(Debug)]
pub(crate) struct Service {
    pub place: Place,
    pub cluster: String,
    pub name: String,
    pub active: bool,
    pub desired: u32,
    pub launch_type: String,
    pub tags: Tags,
    pub policy: Policy,
    pub created_at: i64,
    pub script: Script,
    /// Live deployments, newest first. One is primary.
    pub deployments: Vec<Deployment>,
    /// Service deployments, oldest first: the newer view, and the long-term one.
    pub records: Vec<Record>,
    pub revisions: Vec<Revision>,
    pub tasks: Vec<Task>,
    /// Newest first.
    pub events: VecDeque<Event>,
    pub steady: bool,
    seed: u64,
    names_given: u64,
}

/// `deploymentConfiguration`.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub breaker: bool,
    pub rollback: bool,
    pub alarms: Vec<String>,
    pub maximum_percent: u32,
    pub minimum_healthy_percent: u32,
}

impl Policy {
    /// Failed tasks in a row that trip the circuit breaker: half of the tasks, at least 3, at most 200.
    pub fn threshold(desired: u32) -> u32 {
        desired.div_ceil(2).clamp(3, 200)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rollout {
    InProgress,
    Completed,
    Failed,
}

/// One entry of `deployments[]`. Its number is also that of its service revision.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub number: u64,
    pub primary: bool,
    pub rollout: Rollout,
    pub reason: String,
    /// Whether it was COMPLETED once, and so can be rolled back to.
    pub proven: bool,
    pub created_at: i64,
    pub updated_at: i64,
    pub failed_tasks: u32,
    /// Failures since the last healthy task: what the circuit breaker counts.
    pub failures_in_a_row: u32,
    pub scripted: Option<Failure>,
    /// When the scheduler may start tasks again.
    pub wake_at: Option<i64>,
    /// Whether the scheduler has begun: until then the deployment's desired count is 0.
    pub begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::StopRequested => "STOP_REQUESTED",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    /// Whether its tasks will decide how it ends.
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::InProgress | Self::RollbackInProgress)
    }

    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed
        )
    }
}

/// A service deployment.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub id: String,
    /// The target revision.
    pub number: u64,
    pub sources: Vec<u64>,
    pub status: Status,
    pub reason: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub started_at: Option<i64>,
    pub stopped_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub rollback: Option<Rollback>,
    pub failures: u32,
    pub threshold: u32,
    pub breaker: Monitor,
    pub alarms: Monitor,
    pub triggered_alarms: Vec<String>,
    /// When it moves on by itself.
    pub due: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rollback {
    pub reason: String,
    pub started_at: i64,
    pub number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Monitor {
    Triggered,
    Monitoring,
    Complete,
    Disabled,
}

impl Monitor {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Triggered => "TRIGGERED",
            Self::Monitoring => "MONITORING",
            Self::Complete => "MONITORING_COMPLETE",
            Self::Disabled => "DISABLED",
        }
    }

    pub fn enabled(on: bool) -> Self {
        if on { Self::Monitoring } else { Self::Disabled }
    }
}

/// An immutable service revision: what one deployment set out to run.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub number: u64,
    pub task_definition: String,
    pub images: Vec<ContainerImage>,
    pub cpu: Option<String>,
    pub memory: Option<String>,
    /// `linux/amd64` or `linux/arm64`.
    pub platform: String,
    /// ARN of the first secret that a container asks for.
    pub secret: Option<String>,
    pub created_at: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct ContainerImage {
    pub container: String,
    pub image: String,
    /// The digest that the tag meant when the deployment began; none if the image was not there.
    pub digest: Option<String>,
    pub essential: bool,
    pub health_check: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub id: String,
    pub at: i64,
    pub message: String,
}

impl Service {
    pub fn new(place: Place, cluster: &str, spec: &ServiceSpec, created_at: i64, seed: u64) -> Self {
        Self {
            place,
            cluster: cluster.into(),
            name: spec.name.clone(),
            active: true,
            desired: spec.desired,
            launch_type: spec.launch_type.clone(),
            tags: spec.tags.iter().cloned().collect(),
            policy: Policy {
                breaker: spec.breaker,
                rollback: spec.rollback,
                alarms: spec.alarms.clone(),
                maximum_percent: spec.maximum_percent,
                minimum_healthy_percent: spec.minimum_healthy_percent,
            },
            created_at,
            script: Script::Natural,
            deployments: Vec::new(),
            records: Vec::new(),
            revisions: Vec::new(),
            tasks: Vec::new(),
            events: VecDeque::new(),
            steady: true,
            seed,
            names_given: 0,
        }
    }

    /// The next identifier: 32 bytes that depend only on seed, service and how many were given before.
    pub fn fresh(&mut self) -> [u8; 32] {
        self.names_given += 1;
        let Place { account, region } = &self.place;
        let name = format!(
            "{} {account} {region} {} {} {}",
            self.seed, self.cluster, self.name, self.names_given
        );
        Sha256::digest(name).into()
    }

    /// A number like those of deployments: 19 digits.
    pub fn fresh_number(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.fresh();
        1_000_000_000_000_000_000 + u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 8_000_000_000_000_000_000
    }

    /// A name like those of tasks: 32 hexadecimal digits.
    pub fn fresh_hex(&mut self) -> String {
        hex(&self.fresh()).chars().take(32).collect()
    }

    /// A name like those of service deployments: 21 letters and digits.
    pub fn fresh_word(&mut self) -> String {
        let letter = |byte: u8| char::from_digit(u32::from(byte) % 36, 36).unwrap_or('0');
        self.fresh()
            .into_iter()
            .take(21)
            .map(letter)
            .map(|letter| letter.to_ascii_uppercase())
            .collect()
    }

    pub fn say(&mut self, at: i64, message: impl AsRef<str>) {
        let message = format!("(service {}) {}", self.name, message.as_ref());
        let id = uuid(&self.fresh());
        self.events.push_front(Event { id, at, message });
        self.events.truncate(EVENTS_KEPT);
    }

    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.primary)
    }

    pub fn primary_mut(&mut self) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|deployment| deployment.primary)
    }

    /// The newest deployment that was completed once and is not the primary one.
    pub fn rollback_target(&self) -> Option<u64> {
        self.deployments
            .iter()
            .find(|deployment| deployment.proven && !deployment.primary)
            .map(|d| d.number)
    }

    pub fn revision(&self, number: u64) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.number == number)
    }

    /// The service deployment under way.
    pub fn current_record(&mut self) -> Option<&mut Record> {
        self.records
            .last_mut()
            .filter(|record| !record.status.is_terminal())
    }

    pub fn arn(&self) -> String {
        self.place
            .arn("ecs", &format!("service/{}/{}", self.cluster, self.name))
    }

    pub fn cluster_arn(&self) -> String {
        self.place.arn("ecs", &format!("cluster/{}", self.cluster))
    }

    pub fn record_arn(&self, id: &str) -> String {
        self.place.arn(
            "ecs",
            &format!("service-deployment/{}/{}/{id}", self.cluster, self.name),
        )
    }

    pub fn revision_arn(&self, number: u64) -> String {
        self.place.arn(
            "ecs",
            &format!("service-revision/{}/{}/{number}", self.cluster, self.name),
        )
    }

    pub fn task_arn(&self, id: &str) -> String {
        self.place.arn("ecs", &format!("task/{}/{id}", self.cluster))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes in the shape of a UUID.
pub(crate) fn uuid(bytes: &[u8]) -> String {
    let digits: Vec<char> = hex(bytes).chars().collect();
    let part = |from: usize, length: usize| digits.iter().skip(from).take(length).collect::<String>();
    [part(0, 8), part(8, 4), part(12, 4), part(16, 4), part(20, 12)].join("-")
}
