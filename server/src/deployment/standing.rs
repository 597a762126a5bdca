//! What other parts of the program ask about deployments.

use std::collections::BTreeMap;

use app::deployment::{DeploymentState, FailureClass};
use app::text::Millis;
use sqlx::FromRow;

use super::state::Facts;
use crate::db::{Db, Inconsistent};

/// How far a deployment is, for a train.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// How far.
    pub state: DeploymentState,
    /// The verdict in a sentence, once at rest.
    pub verdict: Option<String>,
    /// Why it failed.
    pub failure_class: Option<FailureClass>,
    /// When it came to rest.
    pub ended_at: Option<Millis>,
    /// A person has looked (needs-human only).
    pub resolved: bool,
}

/// A deployment that holds its slot, for the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// `dep_…`
    pub id: String,
    /// How far.
    pub state: DeploymentState,
    /// Repository of the image it brings.
    pub image_repository: String,
    /// The image it brings.
    pub digest: String,
    /// Running of desired tasks, 0–100.
    pub percent: Option<u32>,
}

/// An image that was deployed to a slot and verified there; or what ran there at first sync (`verified` is 0).
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct KnownGood {
    /// `sha256:…`
    pub digest: String,
    /// Repository with its registry.
    pub image_repository: String,
    /// ARN of the task definition it ran with.
    pub task_definition: String,
    /// Its content, sealed at `known_good/<slot id>/<digest>`.
    pub content: String,
    /// The deployment that brought it.
    pub deployment_id: Option<String>,
    /// 1: deployed and verified by Yardmaster.
    pub verified: i64,
    /// When.
    pub at: Millis,
}

fn state_of(id: &str, text: &str) -> Result<DeploymentState, Inconsistent> {
    text.parse().map_err(|what| Inconsistent {
        table: "deployment",
        id: id.to_owned(),
        what,
    })
}

/// How far these deployments are, by id; unknown ids are left out.
///
/// # Errors
/// The database does not answer, or a row decodes to no legal state.
pub async fn states(db: &Db, ids: &[String]) -> anyhow::Result<BTreeMap<String, Standing>> {
    type Row = (String, Option<String>, Option<String>, Option<i64>, Option<i64>);
    let mut found = BTreeMap::new();
    for id in ids {
        let row: Option<Row> = sqlx::query_as(
            "SELECT state, verdict, failure_class, ended_at, resolved_at FROM deployment WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(db.read())
        .await?;
        let Some((state, verdict, class, ended_at, resolved_at)) = row else {
            continue;
        };
        let failure_class = class
            .map(|class| {
                class.parse().map_err(|what| Inconsistent {
                    table: "deployment",
                    id: id.clone(),
                    what,
                })
            })
            .transpose()?;
        let standing = Standing {
            state: state_of(id, &state)?,
            verdict,
            failure_class,
            ended_at,
            resolved: resolved_at.is_some(),
        };
        found.insert(id.clone(), standing);
    }
    Ok(found)
}

/// The deployments that hold slots, by slot id: under way, or waiting for a person.
///
/// # Errors
/// The database does not answer, or a row decodes to no legal state.
pub async fn under_way(db: &Db) -> anyhow::Result<BTreeMap<String, UnderWay>> {
    let rows: Vec<(String, String, String, String, String, String, String)> = sqlx::query_as(
        "SELECT slot_id, id, state, phase, facts, image_repository, digest FROM deployment
         WHERE ended_at IS NULL OR (state = 'needs-human' AND resolved_at IS NULL)",
    )
    .fetch_all(db.read())
    .await?;
    rows.into_iter()
        .map(|(slot, id, state, phase, facts, image_repository, digest)| {
            let facts = Facts::decode(&id, &state, &phase, &facts)?;
            let under_way = UnderWay {
                state: facts.state.word(),
                percent: facts.state.percent(),
                id,
                image_repository,
                digest,
            };
            Ok((slot, under_way))
        })
        .collect()
}

/// What a slot is known to run well, most recent first.
///
/// # Errors
/// The database does not answer.
pub async fn known_good(db: &Db, slot_id: &str) -> sqlx::Result<Vec<KnownGood>> {
    sqlx::query_as(
        "SELECT digest, image_repository, task_definition, content, deployment_id, verified, at
         FROM known_good WHERE slot_id = $1 AND bad_at IS NULL ORDER BY at DESC, digest",
    )
    .bind(slot_id)
    .fetch_all(db.read())
    .await
}

/// Whether an image may board a slot: `Some(why)` where it failed there and nobody allowed it again.
///
/// # Errors
/// The database does not answer.
pub async fn boarding_refusal(db: &Db, slot_id: &str, digest: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT reason FROM boarding_refusal
         WHERE slot_id = $1 AND digest = $2 AND allowed_at IS NULL ORDER BY refused_at DESC LIMIT 1",
    )
    .bind(slot_id)
    .bind(digest)
    .fetch_optional(db.read())
    .await
}
