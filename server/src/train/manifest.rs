//! The manifest: what exactly a sealed train carries, in canonical JSON. Approvals are bound to its sha256.

use serde::{Deserialize, Serialize};

use crate::crypto::{canonical_json, sha256_hex};

/// A sealed train's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Environment.
    pub environment: String,
    /// The train's number.
    pub train: i64,
    /// Which sealing.
    pub revision: i64,
    /// The policy it was sealed under.
    pub policy_revision: i64,
    /// A hotfix train.
    pub express: bool,
    /// Cars in the order in which they leave.
    pub cars: Vec<ManifestCar>,
}

/// One car.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestCar {
    /// Place in the order, from 1.
    pub position: i64,
    /// Service.
    pub service: String,
    /// `slt_…`
    pub slot: String,
    /// ARN of the ECS service.
    pub ecs_service: String,
    /// Container that gets the image.
    pub container: String,
    /// Image repository.
    pub image_repository: String,
    /// The image.
    pub digest: String,
    /// Commit it was built from.
    pub commit: Option<String>,
    /// What runs at sealing: where a rollback would go.
    pub from_digest: Option<String>,
    /// ARN of the task definition that runs at sealing.
    pub base_task_definition: String,
    /// sha256 of the new task definition's content.
    pub content_sha256: String,
}

impl Manifest {
    /// The text and its sha256.
    ///
    /// # Errors
    /// Never for these types; serde wants it said.
    pub fn sealed(&self) -> serde_json::Result<(String, String)> {
        let text = canonical_json(&serde_json::to_value(self)?);
        let sha256 = sha256_hex(text.as_bytes());
        Ok((text, sha256))
    }
}

/// The cars of a manifest's text; none where the text is no manifest.
pub fn manifest_cars(text: &str) -> Vec<ManifestCar> {
    serde_json::from_str::<Manifest>(text).map_or_else(|_| Vec::new(), |manifest| manifest.cars)
}
