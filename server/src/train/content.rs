//! The content of task definitions that were read from AWS.

use serde_json::Value;

use crate::crypto::Cipher;
use crate::db::Db;

/// What would register a task definition again, without tags; `None` where it was never read.
pub async fn task_definition(db: &Db, cipher: &Cipher, arn: &str) -> anyhow::Result<Option<Value>> {
    let sealed: Option<String> = sqlx::query_scalar("SELECT content FROM task_definition WHERE arn = $1")
        .bind(arn)
        .fetch_optional(db.read())
        .await?;
    sealed
        .map(|sealed| {
            Ok(serde_json::from_str(
                &cipher.open(&format!("task_definition/{arn}"), &sealed)?,
            )?)
        })
        .transpose()
}
