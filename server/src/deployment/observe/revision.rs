//! Images and task definitions: whether what is to run is there, or there already, and what a slot could return to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{TAG, Unread, names_image};
use crate::aws::{AwsError, Ecs, Scope, TaskDefinition, container_images};
use crate::crypto::{canonical_json, sha256_hex};
use crate::deployment::engine::Deployments;
use crate::deployment::plan::{Image, Restorable};
use crate::deployment::standing::known_good;
use crate::deployment::state::Before;
use crate::deployment::store::Deployment;
use crate::service::{Slot, task_definition_content};

/// The tag on a task definition that is registered again to put a slot back.
pub(in crate::deployment) fn back_tag(id: &str) -> String {
    format!("{id}:back")
}

/// Account and region of a registry, by an image repository's full name; `None` for one that is not ECR's.
fn registry_of(host: &str) -> Option<Scope> {
    let parts: Vec<&str> = host.split('.').collect();
    match parts.as_slice() {
        [account, "dkr", "ecr", region, ..] => Some(Scope {
            account: (*account).to_owned(),
            region: (*region).to_owned(),
        }),
        _ => None,
    }
}

/// The image of one container of a task definition's content.
fn image_of(content: &Value, container: &str) -> Option<String> {
    container_images(content)
        .into_iter()
        .find_map(|(name, image)| (name == container).then_some(image))
}

impl Deployments {
    /// Asks ECR where the task pulls from: the registry that the image's own name says, else that of the scope.
    pub(super) async fn image(
        &self,
        image_repository: &str,
        digest: &str,
        scope: &Scope,
    ) -> Result<Image, AwsError> {
        let (host, repository) = image_repository.split_once('/').unwrap_or(("", image_repository));
        let registry = registry_of(host).unwrap_or_else(|| scope.clone());
        let ecr = self.aws.ecr(&registry).await?;
        Ok(match ecr.image(repository, digest).await {
            Ok(Some(image)) if image.archived => Image::Archived,
            Ok(Some(_)) => Image::There,
            Ok(None) | Err(AwsError::NotFound(_)) => Image::Gone,
            Err(cause) => return Err(cause),
        })
    }

    /// An ACTIVE revision that is ours by tag, or has the same content.
    pub(super) async fn existing(
        &self,
        ecs: &dyn Ecs,
        deployment: &Deployment,
        slot: &Slot,
        fresh: bool,
    ) -> Result<Option<String>, Unread> {
        let row = &deployment.row;
        let content = self.content(deployment)?;
        let candidates: Vec<String> =
            sqlx::query_scalar("SELECT task_definition FROM known_good WHERE slot_id = $1 AND digest = $2")
                .bind(&row.slot_id)
                .bind(&row.digest)
                .fetch_all(self.db.read())
                .await?;
        self.active(ecs, candidates, &content, fresh, |found| {
            found.tags.get(TAG).is_some_and(|id| *id == row.id)
                && names_image(&found.content, &slot.container, &row.digest)
        })
        .await
    }

    /// What the slot could return to where the revision that ran before cannot be used any more: the same content, or
    /// where its image is gone, that of the newest image that is known to run well and is there.
    pub(super) async fn restorable(
        &self,
        ecs: &dyn Ecs,
        deployment: &Deployment,
        slot: &Slot,
        before: &Before,
        fresh: bool,
    ) -> Result<Option<Restorable>, Unread> {
        let scope = Scope {
            account: slot.account.clone(),
            region: slot.region.clone(),
        };
        let Some((content, digest)) = self.returnable(ecs, deployment, slot, before, &scope).await? else {
            return Ok(None);
        };
        let tag = back_tag(&deployment.row.id);
        let image = image_of(&content, &slot.container);
        let existing = self
            .active(ecs, vec![], &content, fresh, |found| {
                found.tags.get(TAG) == Some(&tag) && image_of(&found.content, &slot.container) == image
            })
            .await?;
        Ok(Some(Restorable {
            content,
            digest,
            existing,
        }))
    }

    /// The content to return to, and its image where that is not the one that ran before.
    async fn returnable(
        &self,
        ecs: &dyn Ecs,
        deployment: &Deployment,
        slot: &Slot,
        before: &Before,
        scope: &Scope,
    ) -> Result<Option<(Value, Option<String>)>, Unread> {
        let arn = &before.task_definition;
        let content = match task_definition_content(&self.db, &self.cipher, arn).await? {
            Some(content) => content,
            None => ecs.task_definition(arn).await?.content,
        };
        let image = image_of(&content, &slot.container).unwrap_or_default();
        // Of an image by tag, and of one in another registry, ECR cannot say by digest whether it is there.
        let there = match image.split_once('@') {
            Some((repository, digest))
                if registry_of(repository.split('/').next().unwrap_or_default()).is_some() =>
            {
                self.image(repository, digest, scope).await? == Image::There
            }
            _ => true,
        };
        if there {
            return Ok(Some((content, None)));
        }
        for good in known_good(&self.db, &slot.id).await? {
            if good.digest != deployment.row.digest
                && !image.ends_with(&good.digest)
                && self.image(&good.image_repository, &good.digest, scope).await? == Image::There
            {
                let content = self.good_content(&slot.id, &good.digest, &good.content)?;
                return Ok(Some((content, Some(good.digest))));
            }
        }
        Ok(None)
    }

    /// The first ACTIVE revision among the candidates, those with the same content, and the family's newest, that has the
    /// content or is `ours`.
    async fn active(
        &self,
        ecs: &dyn Ecs,
        mut candidates: Vec<String>,
        content: &Value,
        fresh: bool,
        ours: impl Fn(&TaskDefinition) -> bool,
    ) -> Result<Option<String>, Unread> {
        let cached: Vec<String> = sqlx::query_scalar(
            "SELECT arn FROM task_definition WHERE content_sha256 = $1 ORDER BY revision DESC LIMIT 2",
        )
        .bind(sha256_hex(canonical_json(content).as_bytes()))
        .fetch_all(self.db.read())
        .await?;
        candidates.extend(cached);
        let family = content.get("family").and_then(Value::as_str).unwrap_or_default();
        // After a call whose end nobody saw, the revision may stand behind others that were registered since.
        let newest = ecs.task_definitions(family, if fresh { 1 } else { 10 }).await?;
        candidates.extend(newest);
        let mut asked = BTreeSet::new();
        for arn in candidates {
            if !asked.insert(arn.clone()) {
                continue;
            }
            let found = match ecs.task_definition(&arn).await {
                Ok(found) => found,
                Err(AwsError::NotFound(_) | AwsError::Invalid(_)) => continue,
                Err(cause) => return Err(cause.into()),
            };
            if found.active && (ours(&found) || found.content == *content) {
                return Ok(Some(found.arn));
            }
        }
        Ok(None)
    }
}
