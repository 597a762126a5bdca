//! What a car can be: one slot and the image it is to run. A car only ever goes forward.

use app::text::Millis;
use app::train::CarState;
use sqlx::FromRow;

use super::state::Illegal;
use crate::db::Inconsistent;

/// A car.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Car {
    /// `car_…`
    pub id: String,
    /// Its train.
    pub train_id: String,
    /// Where it goes.
    pub slot_id: String,
    /// Repository of the image it brings.
    pub image_repository: String,
    /// The image it brings.
    pub digest: String,
    /// Commit it was built from.
    pub commit: Option<String>,
    /// Branch it was built from.
    pub branch: Option<String>,
    /// The build it came by, for cars that board from a branch.
    pub build_id: Option<String>,
    /// The environment it was promoted from.
    pub promoted_from: Option<String>,
    /// What ran in the slot when it was sealed, or when it boarded.
    pub from_digest: Option<String>,
    /// Order of departure.
    pub position: i64,
    /// When it boarded.
    pub boarded_at: Millis,
    /// Goes up with every write.
    pub version: i64,
    /// What sealing fixed of it.
    pub content: Option<Content>,
    /// How far it is.
    pub phase: CarPhase,
}

/// The task definition a car will run, as sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// ARN of the revision it was made from: what ran at sealing.
    pub base: String,
    /// RegisterTaskDefinition input, encrypted.
    pub sealed: String,
    /// sha256 of the canonical plain text.
    pub sha256: String,
}

/// How far a car is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarPhase {
    /// Not begun; the note says what it waits for, where that is not plain.
    Waiting(Option<String>),
    /// Being deployed.
    Deploying(String),
    /// Deployed and watched.
    Verifying(String),
    /// Runs.
    Arrived(String),
    /// Failed and put back: deployment and why.
    Undone(String, String),
    /// Failed: deployment and why.
    Failed(String, String),
    /// Never begun, and why.
    Skipped(String),
}

impl CarPhase {
    /// The word of it.
    pub const fn state(&self) -> CarState {
        match self {
            Self::Waiting(_) => CarState::Waiting,
            Self::Deploying(_) => CarState::Deploying,
            Self::Verifying(_) => CarState::Verifying,
            Self::Arrived(_) => CarState::Arrived,
            Self::Undone(..) => CarState::Undone,
            Self::Failed(..) => CarState::Failed,
            Self::Skipped(_) => CarState::Skipped,
        }
    }

    /// Nothing more happens to it.
    pub const fn is_end(&self) -> bool {
        !matches!(self, Self::Waiting(_) | Self::Deploying(_) | Self::Verifying(_))
    }

    /// Under way.
    pub const fn in_flight(&self) -> bool {
        matches!(self, Self::Deploying(_) | Self::Verifying(_))
    }

    /// Its deployment.
    pub fn deployment(&self) -> Option<&str> {
        match self {
            Self::Waiting(_) | Self::Skipped(_) => None,
            Self::Deploying(id)
            | Self::Verifying(id)
            | Self::Arrived(id)
            | Self::Undone(id, _)
            | Self::Failed(id, _) => Some(id),
        }
    }

    /// What is said beside it.
    pub fn note(&self) -> Option<&str> {
        match self {
            Self::Waiting(note) => note.as_deref(),
            Self::Undone(_, why) | Self::Failed(_, why) | Self::Skipped(why) => Some(why),
            _ => None,
        }
    }

    /// Goes on to another phase of its own course.
    ///
    /// # Errors
    /// A car never goes back, and one at its end stays there.
    pub fn to(self, next: Self) -> Result<Self, Illegal> {
        let legal = match (&self, &next) {
            (Self::Waiting(_), Self::Waiting(_) | Self::Deploying(_) | Self::Skipped(_)) => true,
            (
                Self::Deploying(_),
                Self::Verifying(_) | Self::Arrived(_) | Self::Undone(..) | Self::Failed(..),
            )
            | (Self::Verifying(_), Self::Arrived(_) | Self::Undone(..) | Self::Failed(..)) => {
                self.deployment() == next.deployment()
            }
            _ => false,
        };
        if legal {
            Ok(next)
        } else {
            Err(Illegal(format!(
                "a car that is {} cannot become {}",
                self.state().word().to_lowercase(),
                next.state().word().to_lowercase()
            )))
        }
    }
}

/// A row of `car`.
#[derive(Debug, Clone, FromRow)]
pub struct CarRow {
    pub id: String,
    pub train_id: String,
    pub slot_id: String,
    pub image_repository: String,
    pub digest: String,
    pub commit_id: Option<String>,
    pub branch: Option<String>,
    pub build_id: Option<String>,
    pub promoted_from: Option<String>,
    pub from_digest: Option<String>,
    pub position: i64,
    pub state: String,
    pub note: Option<String>,
    pub deployment_id: Option<String>,
    pub base_task_definition: Option<String>,
    pub content: Option<String>,
    pub content_sha256: Option<String>,
    pub boarded_at: i64,
    pub version: i64,
}

impl TryFrom<CarRow> for Car {
    type Error = Inconsistent;

    fn try_from(row: CarRow) -> Result<Self, Inconsistent> {
        let wrong = |what: String| Inconsistent {
            table: "car",
            id: row.id.clone(),
            what,
        };
        let state: CarState = row.state.parse().map_err(wrong)?;
        let phase = match (state, row.deployment_id, row.note) {
            (CarState::Waiting, None, note) => CarPhase::Waiting(note),
            (CarState::Deploying, Some(id), None) => CarPhase::Deploying(id),
            (CarState::Verifying, Some(id), None) => CarPhase::Verifying(id),
            (CarState::Arrived, Some(id), None) => CarPhase::Arrived(id),
            (CarState::Undone, Some(id), Some(why)) => CarPhase::Undone(id, why),
            (CarState::Failed, Some(id), Some(why)) => CarPhase::Failed(id, why),
            (CarState::Skipped, None, Some(why)) => CarPhase::Skipped(why),
            _ => return Err(wrong(format!("its columns do not belong to state `{state}`"))),
        };
        let content = match (row.base_task_definition, row.content, row.content_sha256) {
            (Some(base), Some(sealed), Some(sha256)) => Some(Content { base, sealed, sha256 }),
            (None, None, None) => None,
            _ => return Err(wrong("its sealed content is half there".to_owned())),
        };
        Ok(Self {
            id: row.id,
            train_id: row.train_id,
            slot_id: row.slot_id,
            image_repository: row.image_repository,
            digest: row.digest,
            commit: row.commit_id,
            branch: row.branch,
            build_id: row.build_id,
            promoted_from: row.promoted_from,
            from_digest: row.from_digest,
            position: row.position,
            boarded_at: row.boarded_at,
            version: row.version,
            content,
            phase,
        })
    }
}
