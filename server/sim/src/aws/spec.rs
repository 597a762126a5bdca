//! What a world is seeded with, and what can be made to go wrong in it.

use serde::{Deserialize, Serialize};

/// An image to push.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageSpec {
    /// Its tags; a tag that another image of the repository carries moves here.
    pub tags: Vec<String>,
    /// Milliseconds since 1970; 0 means now.
    pub pushed_at: i64,
    /// Bytes.
    pub size: u64,
    /// The commit, as label and annotation `org.opencontainers.image.revision`. It also stands for the
    /// content: the same commit pushed with the same time is the same digest, whatever its tags.
    pub revision_label: Option<String>,
    /// `linux/amd64` or `linux/arm64`.
    pub platform: String,
    /// Whether it is in the archive storage class and so cannot be pulled.
    pub archived: bool,
    /// Findings of a finished scan by severity; `None` is an image that was not scanned.
    pub findings: Option<std::collections::BTreeMap<String, u32>>,
}

impl Default for ImageSpec {
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            pushed_at: 0,
            size: 48_000_000,
            revision_label: None,
            platform: "linux/amd64".into(),
            archived: false,
            findings: None,
        }
    }
}

/// A service to create. It starts in a finished deployment with its tasks running.
#[derive(Clone, Debug)]
pub struct ServiceSpec {
    /// Its name.
    pub name: String,
    /// `family`, `family:revision` or an ARN.
    pub task_definition: String,
    /// How many tasks.
    pub desired: u32,
    /// Resource tags.
    pub tags: Vec<(String, String)>,
    /// Whether the deployment circuit breaker is on.
    pub breaker: bool,
    /// Whether the circuit breaker (and an alarm) rolls back.
    pub rollback: bool,
    /// CloudWatch alarms that stop a deployment.
    pub alarms: Vec<String>,
    /// Milliseconds since 1970; 0 means just long enough ago for its first deployment to be finished.
    pub created_at: i64,
    /// `FARGATE` or `EC2`.
    pub launch_type: String,
    /// Tasks that may run during a deployment, per cent of `desired`.
    pub maximum_percent: u32,
    /// Healthy tasks that must run during a deployment, per cent of `desired`.
    pub minimum_healthy_percent: u32,
}

impl Default for ServiceSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            task_definition: String::new(),
            desired: 2,
            tags: Vec::new(),
            breaker: true,
            rollback: true,
            alarms: Vec::new(),
            created_at: 0,
            launch_type: "FARGATE".into(),
            maximum_percent: 200,
            minimum_healthy_percent: 100,
        }
    }
}

/// How the tasks of a release go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The image cannot be pulled.
    CannotPull,
    /// The essential container starts and exits.
    Exits {
        /// Its exit code.
        code: i32,
    },
    /// The container runs and fails its health check.
    HealthCheck,
    /// The container is killed for its memory use.
    OutOfMemory,
    /// No task can be placed; ECS keeps trying for ever.
    NoCapacity,
    /// Tasks stay pending for ever.
    Stuck,
    /// A secret of the task definition does not exist.
    SecretMissing,
}

/// What the coming deployments of one service do, whatever their image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Only images decide (the default).
    Natural,
    /// Every coming deployment fails so.
    Fail(Failure),
    /// The next deployments fail so, as many as said; then nature again.
    FailNext(Failure, u32),
}

/// A fault of the API itself, rather than of what it manages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// `ThrottlingException`, nothing done.
    Throttle,
    /// `AccessDeniedException`, nothing done.
    AccessDenied,
    /// The caller's credentials have run out, nothing done.
    ExpiredToken,
    /// The call takes effect and the connection closes without an answer.
    EffectThenTimeout,
    /// A server error (500), nothing done.
    Internal,
}

/// The state of a CloudWatch alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    /// Within its threshold.
    Ok,
    /// Beyond its threshold.
    Alarm,
    /// Not known.
    InsufficientData,
}

impl AlarmState {
    /// As CloudWatch writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}
