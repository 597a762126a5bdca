//! Images in the database.

use app::board::ImageLabel;
use app::text::Millis;
use sqlx::FromRow;

use crate::db::Db;

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Image {
    /// `img_…`
    pub id: String,
    /// Repository with its registry.
    pub repository: String,
    /// `sha256:…`
    pub digest: String,
    /// Tags, a JSON list.
    pub tags: String,
    /// Commit it was made from.
    pub commit_id: Option<String>,
    /// Branch its tags say; a hint for names only, never a proof.
    pub branch: Option<String>,
    /// `linux/amd64`
    pub platform: Option<String>,
    /// When it was pushed.
    pub pushed_at: Millis,
    /// 1: archived, cannot be pulled.
    pub archived: i64,
    /// When it was found to be gone from ECR.
    pub gone_at: Option<Millis>,
}

/// One image by what it is.
///
/// # Errors
/// The database does not answer.
pub async fn image(db: &Db, repository: &str, digest: &str) -> sqlx::Result<Option<Image>> {
    sqlx::query_as(
        "SELECT id, repository, digest, tags, commit_id, branch, platform, pushed_at, archived, gone_at
         FROM image WHERE repository = $1 AND digest = $2",
    )
    .bind(repository)
    .bind(digest)
    .fetch_optional(db.read())
    .await
}

/// Images of a repository made from a commit that can be pulled, newest first.
///
/// # Errors
/// The database does not answer.
pub async fn images_of_commit(db: &Db, repository: &str, commit: &str) -> sqlx::Result<Vec<Image>> {
    sqlx::query_as(
        "SELECT id, repository, digest, tags, commit_id, branch, platform, pushed_at, archived, gone_at
         FROM image WHERE repository = $1 AND commit_id = $2 AND gone_at IS NULL AND archived = 0
         ORDER BY pushed_at DESC, id DESC",
    )
    .bind(repository)
    .bind(commit)
    .fetch_all(db.read())
    .await
}

/// The best name there is for a digest: branch and short commit, else a tag, else the short digest.
///
/// # Errors
/// The database does not answer.
pub async fn label(db: &Db, repository: Option<&str>, digest: &str) -> sqlx::Result<ImageLabel> {
    type Row = (String, Option<String>, Option<String>, Option<String>);
    let row: Option<Row> = sqlx::query_as(
        "SELECT image.tags, image.commit_id, image.branch, MAX(git_commit.subject)
         FROM image LEFT JOIN git_commit ON git_commit.id = image.commit_id
         WHERE image.digest = $1 AND ($2 IS NULL OR image.repository = $2)
         GROUP BY image.tags, image.commit_id, image.branch, image.pushed_at
         ORDER BY image.pushed_at DESC LIMIT 1",
    )
    .bind(digest)
    .bind(repository)
    .fetch_optional(db.read())
    .await?;
    Ok(row.map_or_else(
        || named(digest, &[], None, None, None),
        |(tags, commit, branch, subject)| {
            let tags: Vec<String> = serde_json::from_str(&tags).unwrap_or_default();
            named(digest, &tags, commit, branch, subject)
        },
    ))
}

/// Puts a label together from what is known.
pub fn named(
    digest: &str,
    tags: &[String],
    commit: Option<String>,
    branch: Option<String>,
    subject: Option<String>,
) -> ImageLabel {
    let short = |text: &str, length| text.chars().take(length).collect::<String>();
    let name = match (&branch, &commit, tags.first()) {
        (Some(branch), Some(commit), _) => format!("{branch}-{}", short(commit, 7)),
        (None, Some(commit), _) => short(commit, 7),
        (_, None, Some(tag)) => tag.clone(),
        (_, None, None) => short(digest.trim_start_matches("sha256:"), 12),
    };
    ImageLabel {
        digest: digest.to_owned(),
        name,
        commit,
        branch,
        subject,
    }
}
