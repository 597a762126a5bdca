//! What we know of AWS: our own words for what its APIs answer.

use std::collections::BTreeMap;
use std::fmt;

use app::text::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An account and region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// 12-digit account id.
    pub account: String,
    /// Region.
    pub region: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {}", self.account, self.region)
    }
}

/// What a client is for: different roles are assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Looking.
    Read,
    /// Registering task definitions and updating services.
    Deploy,
}

/// Why a call to AWS failed, in words for the person who set it up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// No answer, a broken answer, or a fault of AWS's own: a mutating call may or may not have taken effect.
    #[error("AWS cannot be reached: {0}")]
    Unreachable(String),
    /// The credentials have run out or are not valid.
    #[error("AWS credentials are not accepted: {0}")]
    Credentials(String),
    /// The role may not do this.
    #[error("AWS refuses: {0}")]
    Denied(String),
    /// Too many calls; nothing happened.
    #[error("AWS asks us to slow down: {0}")]
    Throttled(String),
    /// The thing is not there.
    #[error("AWS does not know it: {0}")]
    NotFound(String),
    /// AWS says that the request is wrong; nothing happened.
    #[error("AWS refuses the request: {0}")]
    Invalid(String),
    /// The endpoint does not offer this operation (emulators).
    #[error("the AWS endpoint does not offer {0}")]
    Unsupported(String),
}

impl AwsError {
    /// Whether a mutating call that ended so may have taken effect.
    pub const fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// Whether asking again later may help by itself.
    pub const fn passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Throttled(_) | Self::Credentials(_)
        )
    }
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsCluster {
    /// ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// ACTIVE, PROVISIONING, DEPROVISIONING, FAILED, INACTIVE.
    pub status: String,
    /// Services that are ACTIVE.
    pub services: i64,
    /// Running tasks, of services or not.
    pub running: i64,
    /// Pending tasks.
    pub pending: i64,
}

/// A deployment as DescribeServices shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsDeployment {
    /// `ecs-svc/123`
    pub id: String,
    /// PRIMARY, ACTIVE, INACTIVE.
    pub status: String,
    /// ARN.
    pub task_definition: String,
    /// Desired tasks.
    pub desired: i64,
    /// Running tasks.
    pub running: i64,
    /// Pending tasks.
    pub pending: i64,
    /// Tasks that failed to start.
    pub failed: i64,
    /// IN_PROGRESS, COMPLETED, FAILED; absent for some kinds of service.
    pub rollout_state: Option<String>,
    /// AWS's words about it.
    pub rollout_reason: Option<String>,
    /// When it was made.
    pub created_at: Millis,
}

/// A line AWS wrote about a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsEvent {
    /// AWS's id of it.
    pub id: String,
    /// When.
    pub at: Millis,
    /// AWS's words.
    pub message: String,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsService {
    /// ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// ARN of the cluster.
    pub cluster_arn: String,
    /// ACTIVE, DRAINING, INACTIVE.
    pub status: String,
    /// ARN of the task definition it is told to run.
    pub task_definition: String,
    /// Desired tasks.
    pub desired: i64,
    /// Running tasks.
    pub running: i64,
    /// Pending tasks.
    pub pending: i64,
    /// ECS, CODE_DEPLOY, EXTERNAL.
    pub controller: String,
    /// ROLLING, BLUE_GREEN, LINEAR, CANARY.
    pub strategy: String,
    /// The circuit breaker is on.
    pub breaker: bool,
    /// Deployments, PRIMARY first.
    pub deployments: Vec<EcsDeployment>,
    /// ARN of the service deployment under way.
    pub current_service_deployment: Option<String>,
    /// ARN of the service revision of the PRIMARY deployment, where told.
    pub current_service_revision: Option<String>,
    /// Newest first, at most 100.
    pub events: Vec<EcsEvent>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Millis,
}

impl EcsService {
    /// The PRIMARY deployment.
    pub fn primary(&self) -> Option<&EcsDeployment> {
        self.deployments
            .iter()
            .find(|deployment| deployment.status == "PRIMARY")
    }

    /// Name of the cluster.
    pub fn cluster(&self) -> &str {
        last_part(&self.cluster_arn)
    }
}

/// A task definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// ARN.
    pub arn: String,
    /// Family.
    pub family: String,
    /// Revision.
    pub revision: i64,
    /// ACTIVE; `false` is INACTIVE or being deleted.
    pub active: bool,
    /// What would register it again: the wire JSON without the fields AWS adds, and without tags. Keeps fields that
    /// this program has never heard of.
    pub content: Value,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl TaskDefinition {
    /// Containers and their images, in order.
    pub fn images(&self) -> Vec<(String, String)> {
        container_images(&self.content)
    }
}

/// Containers and their images in a task definition's content, in order.
pub fn container_images(content: &Value) -> Vec<(String, String)> {
    let containers = content.get("containerDefinitions").and_then(Value::as_array);
    containers
        .into_iter()
        .flatten()
        .filter_map(|container| {
            let text = |key| container.get(key).and_then(Value::as_str).map(str::to_owned);
            Some((text("name")?, text("image")?))
        })
        .collect()
}

/// The same content with one container's image replaced; `None` where there is no such container.
pub fn with_image(content: &Value, container: &str, image: &str) -> Option<Value> {
    let mut content = content.clone();
    let containers = content.get_mut("containerDefinitions")?.as_array_mut()?;
    let found = containers
        .iter_mut()
        .find(|one| one.get("name").and_then(Value::as_str) == Some(container))?;
    found
        .as_object_mut()?
        .insert("image".to_owned(), Value::from(image));
    Some(content)
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskContainer {
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Digest that runs.
    pub digest: Option<String>,
    /// Exit code.
    pub exit_code: Option<i64>,
    /// AWS's words about why it ended.
    pub reason: Option<String>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcsTask {
    /// ARN.
    pub arn: String,
    /// ARN of its task definition.
    pub task_definition: String,
    /// PROVISIONING … STOPPED.
    pub last_status: String,
    /// RUNNING, STOPPED.
    pub desired_status: String,
    /// `ecs-svc/123`
    pub started_by: Option<String>,
    /// `service:checkout`
    pub group: Option<String>,
    /// HEALTHY, UNHEALTHY, UNKNOWN.
    pub health: Option<String>,
    /// Stop code.
    pub stop_code: Option<String>,
    /// Stopped reason.
    pub stopped_reason: Option<String>,
    /// Containers.
    pub containers: Vec<TaskContainer>,
    /// When it was made.
    pub created_at: Millis,
    /// When its containers ran.
    pub started_at: Option<Millis>,
    /// When it stopped.
    pub stopped_at: Option<Millis>,
}

/// The status of a service deployment: exactly AWS's nine, and whatever AWS adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceDeploymentStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Done, and it is what runs. The only success.
    Successful,
    /// Failed or was stopped, without a rollback.
    Stopped,
    /// Being stopped.
    StopRequested,
    /// About to be rolled back.
    RollbackRequested,
    /// Being rolled back.
    RollbackInProgress,
    /// Rolled back: a failure of what was asked for.
    RollbackSuccessful,
    /// Could not even be rolled back.
    RollbackFailed,
    /// A word this program does not know.
    Other(String),
}

impl ServiceDeploymentStatus {
    /// Nothing more happens by itself.
    pub const fn terminal(&self) -> bool {
        matches!(
            self,
            Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed
        )
    }
}

/// A service deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeployment {
    /// ARN.
    pub arn: String,
    /// Status.
    pub status: ServiceDeploymentStatus,
    /// AWS's words.
    pub reason: Option<String>,
    /// ARN of the revision it brings; its last part is the number in `ecs-svc/…`.
    pub target_revision: Option<String>,
    /// AWS's words about an automatic rollback.
    pub rollback_reason: Option<String>,
    /// MONITORING, TRIGGERED …
    pub breaker: Option<String>,
    /// Alarms that fired.
    pub triggered_alarms: Vec<String>,
    /// When it was made.
    pub created_at: Millis,
}

/// A service revision: what exactly a deployment brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRevision {
    /// ARN.
    pub arn: String,
    /// ARN of its task definition.
    pub task_definition: String,
    /// Container, image reference and digest.
    pub images: Vec<(String, String, Option<String>)>,
}

/// An image repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcrRepository {
    /// `acme/checkout`
    pub name: String,
    /// `111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/checkout`
    pub uri: String,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcrImage {
    /// `sha256:…`
    pub digest: String,
    /// Tags.
    pub tags: Vec<String>,
    /// When it was pushed.
    pub pushed_at: Millis,
    /// Size in bytes.
    pub size_bytes: Option<i64>,
    /// Archived: cannot be pulled.
    pub archived: bool,
}

/// What an image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Commit it was made from.
    pub revision: Option<String>,
    /// `linux/amd64`
    pub platform: Option<String>,
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Name.
    pub name: String,
    /// OK, ALARM, INSUFFICIENT_DATA.
    pub state: String,
    /// AWS's words.
    pub reason: Option<String>,
}

/// The last part of an ARN.
pub fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// `family:revision` of a task definition's ARN.
pub fn short_task_definition(arn: &str) -> &str {
    arn.rsplit("task-definition/").next().unwrap_or(arn)
}
