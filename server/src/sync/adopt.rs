//! What runs in a slot when it is first seen, before anything was deployed there, is what a rollback can return to:
//! the adopted baseline, marked unverified.

use anyhow::Context;

use crate::aws::with_image;
use crate::crypto::Cipher;
use crate::db::Tx;
use crate::service::known_good_place;
use crate::service::mapping::image_repository;

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    container: String,
    running_digest: String,
    running_image: String,
    running_task_definition: String,
    running_since: Option<i64>,
    content: String,
}

fn read(cipher: &Cipher, arn: &str, sealed: &str) -> anyhow::Result<serde_json::Value> {
    let content = cipher.open(&format!("task_definition/{arn}"), sealed)?;
    serde_json::from_str(&content).with_context(|| arn.to_owned())
}

/// Adopts what runs where nothing is known to be good.
pub(super) async fn baselines(tx: &mut Tx, cipher: &Cipher) -> anyhow::Result<()> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT slot.id, slot.container, slot.running_digest, slot.running_image, slot.running_task_definition,
                slot.running_since, task_definition.content
         FROM slot JOIN task_definition ON task_definition.arn = slot.running_task_definition
         WHERE slot.running_digest IS NOT NULL AND slot.running_image IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM known_good WHERE known_good.slot_id = slot.id)",
    )
    .fetch_all(tx.connection())
    .await?;
    for row in rows {
        let arn = &row.running_task_definition;
        // Of one that cannot be read there is no baseline; the others have nothing to do with that.
        let content = match read(cipher, arn, &row.content) {
            Ok(content) => content,
            Err(cause) => {
                tracing::error!(name: "sync.no_baseline", arn, cause = format!("{cause:#}"), "a stored task definition cannot be read; was keys.data changed?");
                continue;
            }
        };
        let repository = image_repository(&row.running_image);
        // A tag may be moved; the baseline is the bytes that run.
        let pinned = with_image(
            &content,
            &row.container,
            &format!("{repository}@{}", row.running_digest),
        );
        let content = crate::crypto::canonical_json(&pinned.unwrap_or(content));
        let sealed = cipher.seal(
            tx.ids(),
            &known_good_place(&row.id, &row.running_digest),
            &content,
        );
        let now = tx.now();
        sqlx::query(
            "INSERT INTO known_good (slot_id, digest, image_repository, task_definition, content, deployment_id,
                 verified, at)
             VALUES ($1, $2, $3, $4, $5, NULL, 0, $6) ON CONFLICT (slot_id, digest) DO NOTHING",
        )
        .bind(&row.id)
        .bind(&row.running_digest)
        .bind(repository)
        .bind(arn)
        .bind(sealed)
        .bind(row.running_since.unwrap_or(now))
        .execute(tx.connection())
        .await?;
        tx.event("slot", row.id);
    }
    Ok(())
}
