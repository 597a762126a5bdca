//! Trains and cars in the database. Every write compares the version it read and says [`Refused::Moved`] where
//! somebody was faster.

use app::error::ApiError;
use sqlx::AnyExecutor;

use super::car::{Car, CarPhase, CarRow, Content};
use super::facts::Candidate;
use super::state::{Illegal, Phase, Train, TrainRow};
use crate::db::{Db, Inconsistent, Tx};
use crate::error::internal;
use crate::service::Slot;

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Somebody wrote it first; read again.
    #[error("{0} was changed meanwhile. Look at it again.")]
    Moved(String),
    /// Its state does not allow it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// A row that makes no sense.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
    /// The database.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    /// Anything else that was not foreseen.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Refused {
    /// Nothing is wrong: the world only moved on, or does not allow it now.
    pub const fn expected(&self) -> bool {
        matches!(self, Self::Moved(_) | Self::Illegal(_))
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Moved(_) | Refused::Illegal(_) => Self::Conflict(refused.to_string()),
            other => internal(other),
        }
    }
}

macro_rules! select_train {
    ($tail:literal) => {
        concat!(
            "SELECT id, environment, number, express, state, revision, version, held_by, held_why, captain,
                    created_at, sealed_at, sealed_by, manifest, manifest_sha256, policy_revision, departed_at,
                    departed_by, departed_epoch, ended_at, ended_why
             FROM train ",
            $tail
        )
    };
}

macro_rules! select_car {
    ($tail:literal) => {
        concat!(
            "SELECT car.id, car.train_id, car.slot_id, car.image_repository, car.digest, car.commit_id,
                    car.branch, car.build_id, car.promoted_from, car.from_digest, car.position, car.state,
                    car.note, car.deployment_id, car.base_task_definition, car.content, car.content_sha256,
                    car.boarded_at, car.version
             FROM car ",
            $tail
        )
    };
}

fn trains(rows: Vec<TrainRow>) -> Result<Vec<Train>, Refused> {
    Ok(rows.into_iter().map(Train::try_from).collect::<Result<_, _>>()?)
}

fn cars(rows: Vec<CarRow>) -> Result<Vec<Car>, Refused> {
    Ok(rows.into_iter().map(Car::try_from).collect::<Result<_, _>>()?)
}

/// Trains before their end, of every line, by environment and number.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn open_trains<'c>(from: impl AnyExecutor<'c>) -> Result<Vec<Train>, Refused> {
    trains(
        sqlx::query_as(select_train!(
            "WHERE state IN ('boarding', 'sealed', 'departing') ORDER BY environment, number"
        ))
        .fetch_all(from)
        .await?,
    )
}

/// Cars of trains before their end, in order.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn open_cars<'c>(from: impl AnyExecutor<'c>) -> Result<Vec<Car>, Refused> {
    cars(
        sqlx::query_as(select_car!(
            "JOIN train ON train.id = car.train_id WHERE train.state IN ('boarding', 'sealed', 'departing')
             ORDER BY car.train_id, car.position, car.id"
        ))
        .fetch_all(from)
        .await?,
    )
}

/// One train by its id.
///
/// # Errors
/// The database does not answer, or the row makes no sense.
pub async fn train_by_id<'c>(from: impl AnyExecutor<'c>, id: &str) -> Result<Option<Train>, Refused> {
    let row: Option<TrainRow> = sqlx::query_as(select_train!("WHERE id = $1"))
        .bind(id)
        .fetch_optional(from)
        .await?;
    Ok(row.map(Train::try_from).transpose()?)
}

/// One train by its name.
///
/// # Errors
/// The database does not answer, or the row makes no sense.
pub async fn train_by_number<'c>(
    from: impl AnyExecutor<'c>,
    environment: &str,
    number: i64,
) -> Result<Option<Train>, Refused> {
    let row: Option<TrainRow> = sqlx::query_as(select_train!("WHERE environment = $1 AND number = $2"))
        .bind(environment)
        .bind(number)
        .fetch_optional(from)
        .await?;
    Ok(row.map(Train::try_from).transpose()?)
}

/// Ended trains of a line with numbers below `before`, newest first.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn past_trains(db: &Db, environment: &str, before: i64, limit: i64) -> Result<Vec<Train>, Refused> {
    trains(
        sqlx::query_as(select_train!(
            "WHERE environment = $1 AND number < $2 AND state NOT IN ('boarding', 'sealed', 'departing')
             ORDER BY number DESC LIMIT $3"
        ))
        .bind(environment)
        .bind(before)
        .bind(limit)
        .fetch_all(db.read())
        .await?,
    )
}

/// Sealed trains with a car for a slot.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn sealed_touching<'c>(from: impl AnyExecutor<'c>, slot: &str) -> Result<Vec<Train>, Refused> {
    trains(
        sqlx::query_as(select_train!(
            "WHERE state = 'sealed' AND id IN (SELECT train_id FROM car WHERE slot_id = $1) ORDER BY id"
        ))
        .bind(slot)
        .fetch_all(from)
        .await?,
    )
}

/// Cars of a train, in order.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn cars_of<'c>(from: impl AnyExecutor<'c>, train: &str) -> Result<Vec<Car>, Refused> {
    cars(
        sqlx::query_as(select_car!(
            "WHERE car.train_id = $1 ORDER BY car.position, car.id"
        ))
        .bind(train)
        .fetch_all(from)
        .await?,
    )
}

/// Makes the next train of a line; answers its id and number. Where there is one already, the unique index says so.
///
/// # Errors
/// [`Refused::Moved`] where the line has a boarding train.
pub async fn insert_train(tx: &mut Tx, environment: &str, express: bool) -> Result<(String, i64), Refused> {
    let (id, now) = (tx.id("trn"), tx.now());
    let number: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM train WHERE environment = $1")
            .bind(environment)
            .fetch_one(tx.connection())
            .await?;
    let inserted = sqlx::query(
        "INSERT INTO train (id, environment, number, express, state, revision, version, created_at)
         VALUES ($1, $2, $3, $4, 'boarding', 1, 1, $5) ON CONFLICT DO NOTHING",
    )
    .bind(&id)
    .bind(environment)
    .bind(number)
    .bind(i64::from(express))
    .bind(now)
    .execute(tx.connection())
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(Refused::Moved(format!("The line of {environment}")));
    }
    Ok((id, number))
}

/// Writes a train as a transition made it, if nobody wrote it since it was read.
///
/// # Errors
/// [`Refused::Moved`] where somebody did.
pub async fn save(tx: &mut Tx, train: &Train) -> Result<(), Refused> {
    let sealed = train.sealed();
    let departure = train.departure();
    let ended = match &train.phase {
        Phase::Ended { at, why, .. } => Some((*at, why.as_str())),
        _ => None,
    };
    let written = sqlx::query(
        "UPDATE train SET state = $1, revision = $2, version = version + 1, held_by = $3, held_why = $4,
                captain = $5, sealed_at = $6, sealed_by = $7, manifest = $8, manifest_sha256 = $9,
                policy_revision = $10, departed_at = $11, departed_by = $12, departed_epoch = $13,
                ended_at = $14, ended_why = $15
         WHERE id = $16 AND version = $17",
    )
    .bind(train.state().as_str())
    .bind(train.revision)
    .bind(train.held.as_ref().map(|held| held.by.as_str()))
    .bind(train.held.as_ref().map(|held| held.why.as_str()))
    .bind(train.captain.as_deref())
    .bind(sealed.map(|sealed| sealed.at))
    .bind(sealed.map(|sealed| sealed.by.as_str()))
    .bind(sealed.map(|sealed| sealed.manifest.as_str()))
    .bind(sealed.map(|sealed| sealed.sha256.as_str()))
    .bind(sealed.map(|sealed| sealed.policy_revision))
    .bind(departure.map(|departure| departure.at))
    .bind(departure.map(|departure| departure.by.as_str()))
    .bind(departure.map(|departure| departure.epoch))
    .bind(ended.map(|(at, _)| at))
    .bind(ended.map(|(_, why)| why))
    .bind(&train.id)
    .bind(train.version)
    .execute(tx.connection())
    .await?;
    if written.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Refused::Moved(train.title()))
    }
}

/// Compares a train's version and locks its row: for writes to what hangs on it.
///
/// # Errors
/// [`Refused::Moved`] where somebody wrote it since it was read.
pub async fn unchanged(tx: &mut Tx, train: &Train) -> Result<(), Refused> {
    let same = sqlx::query("UPDATE train SET version = version WHERE id = $1 AND version = $2")
        .bind(&train.id)
        .bind(train.version)
        .execute(tx.connection())
        .await?;
    if same.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Refused::Moved(train.title()))
    }
}

/// Puts an image on a train.
///
/// # Errors
/// [`Refused::Moved`] where the slot has a car on it already.
pub async fn insert_car(
    tx: &mut Tx,
    id: &str,
    train: &str,
    slot: &Slot,
    image: &Candidate,
) -> Result<(), Refused> {
    let now = tx.now();
    let inserted = sqlx::query(
        "INSERT INTO car (id, train_id, slot_id, image_repository, digest, commit_id, branch, build_id,
                promoted_from, from_digest, position, state, boarded_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                (SELECT COALESCE(MAX(position), 0) + 1 FROM car WHERE train_id = $2), 'waiting', $11, 1)
         ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(train)
    .bind(&slot.id)
    .bind(&image.image_repository)
    .bind(&image.digest)
    .bind(&image.commit)
    .bind(&image.branch)
    .bind(&image.build_id)
    .bind(&image.promoted_from)
    .bind(slot.runs_now())
    .bind(now)
    .execute(tx.connection())
    .await?;
    if inserted.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Refused::Moved(format!("The car for {}", slot.service)))
    }
}

/// How many cars a train has, as this transaction sees it.
///
/// # Errors
/// The database does not answer.
pub async fn count_cars(tx: &mut Tx, train: &str) -> Result<usize, Refused> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM car WHERE train_id = $1")
        .bind(train)
        .fetch_one(tx.connection())
        .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Writes a car's phase, if nobody wrote it since it was read.
///
/// # Errors
/// [`Refused::Illegal`] where the car cannot go there, [`Refused::Moved`] where somebody was faster.
pub async fn advance_car(tx: &mut Tx, car: &Car, to: CarPhase) -> Result<(), Refused> {
    let phase = car.phase.clone().to(to)?;
    let written = sqlx::query(
        "UPDATE car SET state = $1, note = $2, deployment_id = $3, version = version + 1
         WHERE id = $4 AND version = $5",
    )
    .bind(phase.state().as_str())
    .bind(phase.note())
    .bind(phase.deployment())
    .bind(&car.id)
    .bind(car.version)
    .execute(tx.connection())
    .await?;
    if written.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Refused::Moved("The car".to_owned()))
    }
}

/// Fixes a car's content at sealing.
///
/// # Errors
/// [`Refused::Moved`] where somebody wrote the car since it was read.
pub async fn seal_car(
    tx: &mut Tx,
    car: &Car,
    position: i64,
    from_digest: Option<&str>,
    content: &Content,
) -> Result<(), Refused> {
    let written = sqlx::query(
        "UPDATE car SET position = $1, from_digest = $2, base_task_definition = $3, content = $4,
                content_sha256 = $5, version = version + 1
         WHERE id = $6 AND version = $7 AND state = 'waiting'",
    )
    .bind(position)
    .bind(from_digest)
    .bind(&content.base)
    .bind(&content.sealed)
    .bind(&content.sha256)
    .bind(&car.id)
    .bind(car.version)
    .execute(tx.connection())
    .await?;
    if written.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Refused::Moved("A car".to_owned()))
    }
}

/// Takes a waiting car off its train.
///
/// # Errors
/// [`Refused::Moved`] where somebody wrote the car since it was read.
pub async fn remove_car(tx: &mut Tx, car: &Car) -> Result<(), Refused> {
    let removed = sqlx::query("DELETE FROM car WHERE id = $1 AND version = $2 AND state = 'waiting'")
        .bind(&car.id)
        .bind(car.version)
        .execute(tx.connection())
        .await?;
    if removed.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Refused::Moved("The car".to_owned()))
    }
}

/// Remembers that a person sealed or edited a train: they cannot approve it.
///
/// # Errors
/// The database does not answer.
pub async fn remember_editor(tx: &mut Tx, train: &str, person: &str) -> Result<(), Refused> {
    if person == "system" {
        return Ok(());
    }
    sqlx::query("INSERT INTO train_editor (train_id, person_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(train)
        .bind(person)
        .execute(tx.connection())
        .await?;
    Ok(())
}
