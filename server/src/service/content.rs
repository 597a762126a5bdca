//! Task definitions in the database: what AWS never changes, kept by ARN. Environment values stand in them, so the
//! content is encrypted, bound to its ARN.

use serde_json::Value;

use crate::aws::TaskDefinition;
use crate::crypto::{Cipher, canonical_json, sha256_hex};
use crate::db::{Db, Tx};

/// Keeps a task definition; a second time changes nothing.
///
/// # Errors
/// The database does not answer.
pub async fn remember_task_definition(
    tx: &mut Tx,
    cipher: &Cipher,
    definition: &TaskDefinition,
) -> sqlx::Result<()> {
    let content = canonical_json(&definition.content);
    let sealed = cipher.seal(tx.ids(), &place(&definition.arn), &content);
    let now = tx.now();
    sqlx::query(
        "INSERT INTO task_definition (arn, family, revision, content, content_sha256, images, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (arn) DO NOTHING",
    )
    .bind(&definition.arn)
    .bind(&definition.family)
    .bind(definition.revision)
    .bind(sealed)
    .bind(sha256_hex(content.as_bytes()))
    .bind(
        Value::from_iter(
            definition
                .images()
                .into_iter()
                .map(|(container, image)| vec![container, image]),
        )
        .to_string(),
    )
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// What would register a task definition again, without tags; `None` where it was never read.
///
/// # Errors
/// The database does not answer, or the content was written with another key.
pub async fn task_definition_content(db: &Db, cipher: &Cipher, arn: &str) -> anyhow::Result<Option<Value>> {
    let sealed: Option<String> = sqlx::query_scalar("SELECT content FROM task_definition WHERE arn = $1")
        .bind(arn)
        .fetch_optional(db.read())
        .await?;
    sealed
        .map(|sealed| Ok(serde_json::from_str(&cipher.open(&place(arn), &sealed)?)?))
        .transpose()
}

/// What a task definition's content is bound to.
fn place(arn: &str) -> String {
    format!("task_definition/{arn}")
}

/// What a known-good entry's content is bound to.
pub fn known_good_place(slot_id: &str, digest: &str) -> String {
    format!("known_good/{slot_id}/{digest}")
}
