//! Names of many images at once, for pages that show many.

use std::collections::HashMap;

use app::board::ImageLabel;
use sqlx::FromRow;

use super::store::named;
use crate::db::Db;

/// Images by digest.
#[derive(Debug, Default)]
pub struct Labels(HashMap<String, Vec<Row>>);

#[derive(Debug, FromRow)]
struct Row {
    repository: String,
    digest: String,
    tags: String,
    commit_id: Option<String>,
    branch: Option<String>,
    subject: Option<String>,
}

macro_rules! select_labels {
    ($digests:literal) => {
        concat!(
            "SELECT image.repository, image.digest, image.tags, image.commit_id, image.branch,
                    (SELECT MAX(git_commit.subject) FROM git_commit WHERE git_commit.id = image.commit_id) AS subject
             FROM image WHERE image.digest IN (",
            $digests,
            ")"
        )
    };
}

impl Labels {
    /// Of everything that runs, is being deployed or is on a train that has not ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of_board(db: &Db) -> sqlx::Result<Self> {
        let rows: Vec<Row> = sqlx::query_as(select_labels!(
            "SELECT running_digest FROM slot WHERE running_digest IS NOT NULL
             UNION SELECT digest FROM deployment
                   WHERE ended_at IS NULL OR (state = 'needs-human' AND resolved_at IS NULL)
             UNION SELECT car.digest FROM car JOIN train ON train.id = car.train_id
                   WHERE train.state IN ('boarding', 'sealed', 'departing')"
        ))
        .fetch_all(db.read())
        .await?;
        Ok(Self::from_rows(rows))
    }

    /// Of everything that was ever deployed of one service.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of_service(db: &Db, service_id: &str) -> sqlx::Result<Self> {
        let rows: Vec<Row> = sqlx::query_as(select_labels!(
            "SELECT deployment.digest FROM deployment JOIN slot ON slot.id = deployment.slot_id
             WHERE slot.service_id = $1"
        ))
        .bind(service_id)
        .fetch_all(db.read())
        .await?;
        Ok(Self::from_rows(rows))
    }

    fn from_rows(rows: Vec<Row>) -> Self {
        let mut by_digest: HashMap<String, Vec<Row>> = HashMap::new();
        for row in rows {
            by_digest.entry(row.digest.clone()).or_default().push(row);
        }
        Self(by_digest)
    }

    fn row(&self, repository: Option<&str>, digest: &str) -> Option<&Row> {
        let rows = self.0.get(digest)?;
        rows.iter()
            .find(|row| repository == Some(&row.repository))
            .or_else(|| rows.first())
    }

    /// The best name there is; `reference` is the image reference it was seen with.
    pub fn name(&self, repository: Option<&str>, digest: &str, reference: Option<&str>) -> ImageLabel {
        if let Some(row) = self.row(repository, digest) {
            let tags: Vec<String> = serde_json::from_str(&row.tags).unwrap_or_default();
            return named(
                digest,
                &tags,
                row.commit_id.clone(),
                row.branch.clone(),
                row.subject.clone(),
            );
        }
        let tag = reference.and_then(tag_of).map(str::to_owned);
        named(digest, tag.as_slice(), None, None, None)
    }
}

/// The tag of an image reference.
fn tag_of(reference: &str) -> Option<&str> {
    let name = reference.split('@').next()?.rsplit('/').next()?;
    name.split_once(':').map(|(_, tag)| tag)
}
