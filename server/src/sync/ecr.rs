//! ECR of one account and region: repositories, images, and what new images say of themselves.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::{Inner, Outcome};
use crate::aws::{AwsError, Ecr, EcrImage, EcrRepository, ImageFacts, Scope};
use crate::crypto::sha256_hex;
use crate::db::Tx;
use crate::image::read_tag;

/// Repositories read side by side.
const ABREAST: usize = 4;
/// How long after the push an image's commit is still looked for.
const COMMIT_MAY_COME: i64 = 7 * 24 * 3_600_000;

/// What is remembered from round to round: a fingerprint of each repository's images, so that a repository that has
/// not changed costs no look into the store.
#[derive(Default)]
pub(super) struct Remembered {
    fingerprints: BTreeMap<String, String>,
    /// Repositories that were in the store when the program started have been compared.
    compared: bool,
}

/// An image as the store has it.
#[derive(sqlx::FromRow)]
struct Row {
    digest: String,
    tags: String,
    archived: i64,
    gone_at: Option<i64>,
}

/// Reads one registry.
pub(super) async fn round(inner: &Inner, scope: &Scope, remembered: &mut Remembered) -> Outcome {
    let ecr = match inner.aws.ecr(scope).await {
        Ok(ecr) => ecr,
        Err(cause) => return Ok(Err(cause)),
    };
    let ecr = ecr.as_ref();
    let read = async {
        let repositories = ecr.repositories().await?;
        stream::iter(repositories)
            .map(|repository| async move {
                let images = ecr.images(&repository.name).await?;
                Ok((repository, images))
            })
            .buffered(ABREAST)
            .try_collect::<Vec<_>>()
            .await
    };
    let read: Vec<(EcrRepository, Vec<EcrImage>)> = match read.await {
        Ok(read) => read,
        Err(cause) => return Ok(Err(cause)),
    };
    let mut changed = Vec::new();
    for (repository, images) in &read {
        let fingerprint = sha256_hex(serde_json::to_string(images)?.as_bytes());
        if remembered.fingerprints.get(&repository.uri) == Some(&fingerprint) {
            continue;
        }
        let rows: Vec<Row> =
            sqlx::query_as("SELECT digest, tags, archived, gone_at FROM image WHERE repository = $1")
                .bind(&repository.uri)
                .fetch_all(inner.db.read())
                .await?;
        let rows: BTreeMap<String, Row> = rows.into_iter().map(|row| (row.digest.clone(), row)).collect();
        let facts = match facts(ecr, repository, images, &rows).await {
            Ok(facts) => facts,
            Err(cause) => return Ok(Err(cause)),
        };
        changed.push((repository, images, rows, facts, fingerprint));
    }
    let mut tx = inner.db.begin().await?;
    for (repository, images, rows, facts, _) in &changed {
        keep(&mut tx, &repository.uri, images, rows, facts).await?;
    }
    for uri in known(&mut tx, scope, remembered).await? {
        if !read.iter().any(|(repository, _)| repository.uri == uri) {
            gone(&mut tx, &uri).await?;
        }
    }
    resolve_commits(&mut tx).await?;
    tx.commit().await?;
    remembered.compared = true;
    remembered
        .fingerprints
        .retain(|uri, _| read.iter().any(|(repository, _)| repository.uri == *uri));
    for (repository, .., fingerprint) in &changed {
        remembered
            .fingerprints
            .insert(repository.uri.clone(), fingerprint.clone());
    }
    Ok(Ok(()))
}

/// Repositories of this registry that were seen before.
async fn known(tx: &mut Tx, scope: &Scope, remembered: &Remembered) -> sqlx::Result<Vec<String>> {
    if remembered.compared {
        return Ok(remembered.fingerprints.keys().cloned().collect());
    }
    sqlx::query_scalar("SELECT DISTINCT repository FROM image WHERE gone_at IS NULL AND repository LIKE $1")
        .bind(format!("{}.dkr.ecr.{}.%", scope.account, scope.region))
        .fetch_all(tx.connection())
        .await
}

/// A repository that is no longer there took its images with it.
async fn gone(tx: &mut Tx, uri: &str) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query("UPDATE image SET gone_at = $2 WHERE repository = $1 AND gone_at IS NULL")
        .bind(uri)
        .bind(now)
        .execute(tx.connection())
        .await?;
    tx.event("image", uri);
    tx.changes_verdicts();
    Ok(())
}

/// What images that are new to the store say of themselves: asked once, it never changes.
async fn facts(
    ecr: &dyn Ecr,
    repository: &EcrRepository,
    images: &[EcrImage],
    rows: &BTreeMap<String, Row>,
) -> Result<BTreeMap<String, ImageFacts>, AwsError> {
    let new: Vec<String> = images
        .iter()
        .filter(|image| !rows.contains_key(&image.digest))
        .map(|image| image.digest.clone())
        .collect();
    let mut facts = BTreeMap::new();
    for some in new.chunks(100) {
        match ecr.revisions(&repository.name, some).await {
            Ok(told) => facts.extend(told),
            Err(AwsError::Unsupported(_)) => break,
            Err(cause) => return Err(cause),
        }
    }
    Ok(facts)
}

async fn keep(
    tx: &mut Tx,
    repository: &str,
    images: &[EcrImage],
    rows: &BTreeMap<String, Row>,
    facts: &BTreeMap<String, ImageFacts>,
) -> anyhow::Result<()> {
    let now = tx.now();
    for image in images {
        let tags = serde_json::to_string(&image.tags)?;
        let archived = i64::from(image.archived);
        match rows.get(&image.digest) {
            Some(row) if row.tags == tags && row.archived == archived && row.gone_at.is_none() => {}
            Some(_) => {
                sqlx::query(
                    "UPDATE image SET tags = $3, archived = $4, gone_at = NULL, seen_at = $5
                     WHERE repository = $1 AND digest = $2",
                )
                .bind(repository)
                .bind(&image.digest)
                .bind(&tags)
                .bind(archived)
                .bind(now)
                .execute(tx.connection())
                .await?;
                changed(tx, &image.digest);
            }
            None => {
                let told = facts.get(&image.digest).cloned().unwrap_or_default();
                // A bare commit id says less than a tag that names the branch as well.
                let hint = image
                    .tags
                    .iter()
                    .filter_map(|tag| read_tag(tag))
                    .max_by_key(|hint| hint.branch.is_some());
                let full = hint
                    .as_ref()
                    .map(|hint| &hint.commit)
                    .filter(|commit| commit.len() == 40);
                let id = tx.id("img");
                sqlx::query(
                    "INSERT INTO image (id, repository, digest, tags, commit_id, branch, platform, size_bytes,
                         pushed_at, archived, gone_at, seen_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, $11)
                     ON CONFLICT (repository, digest) DO NOTHING",
                )
                .bind(id)
                .bind(repository)
                .bind(&image.digest)
                .bind(&tags)
                .bind(told.revision.as_ref().or(full))
                .bind(hint.as_ref().and_then(|hint| hint.branch.clone()))
                .bind(&told.platform)
                .bind(image.size_bytes)
                .bind(image.pushed_at)
                .bind(archived)
                .bind(now)
                .execute(tx.connection())
                .await?;
                changed(tx, &image.digest);
            }
        }
    }
    for row in rows.values().filter(|row| row.gone_at.is_none()) {
        if !images.iter().any(|image| image.digest == row.digest) {
            sqlx::query("UPDATE image SET gone_at = $3 WHERE repository = $1 AND digest = $2")
                .bind(repository)
                .bind(&row.digest)
                .bind(now)
                .execute(tx.connection())
                .await?;
            changed(tx, &row.digest);
        }
    }
    Ok(())
}

fn changed(tx: &mut Tx, digest: &str) {
    tx.event("image", digest);
    tx.changes_verdicts();
}

/// Tags often say only how a commit begins. Once the commit itself is known, by a build or from the mirror, the
/// image is its.
async fn resolve_commits(tx: &mut Tx) -> anyhow::Result<()> {
    let since = tx.now() - COMMIT_MAY_COME;
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT id, digest, tags FROM image
         WHERE commit_id IS NULL AND gone_at IS NULL AND pushed_at > $1 AND tags <> '[]'
         ORDER BY pushed_at DESC LIMIT 500",
    )
    .bind(since)
    .fetch_all(tx.connection())
    .await?;
    for (id, digest, tags) in rows {
        let tags: Vec<String> = serde_json::from_str(&tags)?;
        let Some(hint) = tags.iter().find_map(|tag| read_tag(tag)) else {
            continue;
        };
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM git_commit WHERE id >= $1 AND id < $2
             UNION SELECT commit_id FROM build WHERE commit_id >= $1 AND commit_id < $2",
        )
        .bind(&hint.commit)
        .bind(format!("{}g", hint.commit))
        .fetch_all(tx.connection())
        .await?;
        // Two commits that begin alike: neither is sure.
        let [commit] = found.as_slice() else { continue };
        sqlx::query("UPDATE image SET commit_id = $2 WHERE id = $1 AND commit_id IS NULL")
            .bind(id)
            .bind(commit)
            .execute(tx.connection())
            .await?;
        changed(tx, &digest);
    }
    Ok(())
}
