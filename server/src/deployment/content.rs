//! Contents of task definitions: encrypted at rest, and bound to the row they belong to.

use anyhow::Context;
use serde_json::Value;

use super::engine::{Deployments, scope};
use super::store::Deployment;
use crate::aws::{AwsError, Purpose, with_image};
use crate::crypto::{canonical_json, sha256_hex};
use crate::db::{Inconsistent, Tx};
use crate::service::{Slot, known_good_place};

impl Deployments {
    /// The task definition's content as it was sealed.
    pub(super) fn content(&self, deployment: &Deployment) -> anyhow::Result<Value> {
        let row = &deployment.row;
        let sealed = row
            .content
            .as_deref()
            .context("the deployment has no content yet")?;
        let text = self.cipher.open(&format!("deployment/{}", row.id), sealed)?;
        anyhow::ensure!(
            row.content_sha256.as_deref() == Some(sha256_hex(text.as_bytes()).as_str()),
            Inconsistent {
                table: "deployment",
                id: row.id.clone(),
                what: "its content is not the one whose sha256 was sealed".to_owned(),
            }
        );
        serde_json::from_str(&text).context("its content is not JSON")
    }

    /// Makes the content of a deployment that came without: what runs now, with the image set.
    pub(super) async fn make_content(
        &self,
        deployment: &Deployment,
        slot: &Slot,
        base: &str,
    ) -> anyhow::Result<Result<String, AwsError>> {
        let row = &deployment.row;
        let read = async {
            let ecs = self.aws.ecs(&scope(slot), Purpose::Read).await?;
            ecs.task_definition(base).await
        };
        let found = match read.await {
            Ok(found) => found,
            Err(cause) => return Ok(Err(cause)),
        };
        let image = format!("{}@{}", row.image_repository, row.digest);
        let content = with_image(&found.content, &slot.container, &image)
            .with_context(|| format!("{base} has no container {}", slot.container))?;
        Ok(Ok(canonical_json(&content)))
    }

    /// Keeps the content of a deployment that came without.
    pub(super) async fn keep_content(&self, tx: &mut Tx, id: &str, content: &str) -> sqlx::Result<()> {
        let sealed = self.cipher.seal(tx.ids(), &format!("deployment/{id}"), content);
        sqlx::query(
            "UPDATE deployment SET content = $1, content_sha256 = $2 WHERE id = $3 AND content IS NULL",
        )
        .bind(sealed)
        .bind(sha256_hex(content.as_bytes()))
        .bind(id)
        .execute(tx.connection())
        .await?;
        Ok(())
    }

    /// The content of a known-good image.
    pub(super) fn good_content(&self, slot_id: &str, digest: &str, sealed: &str) -> anyhow::Result<Value> {
        let text = self.cipher.open(&known_good_place(slot_id, digest), sealed)?;
        Ok(serde_json::from_str(&text)?)
    }
}
