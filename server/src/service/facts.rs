//! What ECS says of a service, as it is kept in `ecs_service.document`: enough to map it again at any time without
//! asking AWS.

use app::text::Millis;
use serde::{Deserialize, Serialize};

use crate::aws::EcsService;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What DescribeServices said, without events.
    pub service: EcsService,
    /// What runs, as of the newest deployment that has settled; `None` while nothing is known to.
    pub running: Option<Running>,
}

/// What a settled deployment runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// `ecs-svc/123`
    pub deployment: String,
    /// ARN of the task definition.
    pub task_definition: String,
    /// Since when.
    pub since: Millis,
    /// Containers.
    pub containers: Vec<RunningContainer>,
}

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningContainer {
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Digest, where it is known.
    pub digest: Option<String>,
}

impl Running {
    /// One container.
    pub fn container(&self, name: &str) -> Option<&RunningContainer> {
        self.containers.iter().find(|container| container.name == name)
    }

    /// Whether some container's digest is not known.
    pub fn unclear(&self) -> bool {
        self.containers.iter().any(|container| container.digest.is_none())
    }
}

/// The digest that a reference is pinned to.
pub fn pinned(image: &str) -> Option<&str> {
    image
        .split_once('@')
        .map(|(_, digest)| digest)
        .filter(|digest| digest.starts_with("sha256:"))
}
