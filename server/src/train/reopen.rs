//! Opening a sealed train again: the next revision of it, without approvals. Where the line's next train boards
//! already, its cars come over and it is given up, since a line has one boarding train.

use app::account::Actor;

use super::state::{Phase, Train};
use super::store::{self, Refused};
use crate::audit::Entry;
use crate::db::Tx;

/// Reopens every sealed train that has a car for a slot; answers their titles. For what changes a slot from outside
/// its train: a person's rollback, an express train.
///
/// # Errors
/// The database does not answer, or somebody is changing one of the trains at this moment.
pub async fn reopen_touching(
    tx: &mut Tx,
    slot_id: &str,
    actor: &Actor,
    why: &str,
) -> Result<Vec<String>, Refused> {
    let trains = store::sealed_touching(tx.connection(), slot_id).await?;
    let mut titles = Vec::new();
    for train in trains {
        titles.push(train.title());
        reopen(tx, train, actor, why).await?;
    }
    Ok(titles)
}

/// Reopens one sealed train.
///
/// # Errors
/// It is not sealed, or somebody changed it meanwhile.
pub async fn reopen(tx: &mut Tx, train: Train, actor: &Actor, why: &str) -> Result<(), Refused> {
    let mut train = train.reopen()?;
    // Before the state changes: the line may have one boarding train only.
    absorb_next(tx, &mut train, actor).await?;
    store::save(tx, &train).await?;
    sqlx::query(
        "UPDATE car SET base_task_definition = NULL, content = NULL, content_sha256 = NULL, note = NULL,
                version = version + 1
         WHERE train_id = $1 AND state = 'waiting'",
    )
    .bind(&train.id)
    .execute(tx.connection())
    .await?;
    let void = void_approvals(tx, &train.id, &format!("reopened: {why}")).await?;
    tx.audit(
        Entry::new(actor, "train.reopen", &train.id, train.title())
            .at(train.href())
            .with("reason", why)
            .with("revision", train.revision.to_string())
            .with("approvals made void", void.to_string()),
    );
    tx.changes_verdicts();
    tx.event("train", &train.id);
    Ok(())
}

/// Makes a train's approvals void; answers how many there were.
///
/// # Errors
/// The database does not answer.
pub async fn void_approvals(tx: &mut Tx, train: &str, why: &str) -> Result<u64, Refused> {
    let now = tx.now();
    let void = sqlx::query(
        "UPDATE approval SET void_at = $1, void_why = $2 WHERE train_id = $3 AND void_at IS NULL",
    )
    .bind(now)
    .bind(why)
    .bind(train)
    .execute(tx.connection())
    .await?;
    tx.changes_verdicts();
    Ok(void.rows_affected())
}

/// Moves the cars of the line's boarding train over and cancels it. A slot that both have keeps the later boarder's
/// image: it replaced the other one's.
async fn absorb_next(tx: &mut Tx, train: &mut Train, actor: &Actor) -> Result<(), Refused> {
    let next = store::open_trains(tx.connection())
        .await?
        .into_iter()
        .find(|other| {
            other.environment == train.environment
                && other.express == train.express
                && matches!(other.phase, Phase::Boarding)
        });
    let Some(next) = next else { return Ok(()) };
    // Nobody's hold is lost by it.
    train.held = train.held.take().or_else(|| next.held.clone());
    sqlx::query(
        "DELETE FROM car WHERE train_id = $1 AND state = 'waiting'
           AND slot_id IN (SELECT later.slot_id FROM car later WHERE later.train_id = $2)",
    )
    .bind(&train.id)
    .bind(&next.id)
    .execute(tx.connection())
    .await?;
    sqlx::query("UPDATE car SET train_id = $1, version = version + 1 WHERE train_id = $2")
        .bind(&train.id)
        .bind(&next.id)
        .execute(tx.connection())
        .await?;
    sqlx::query(
        "INSERT INTO train_editor (train_id, person_id)
         SELECT $1, person_id FROM train_editor WHERE train_id = $2 ON CONFLICT DO NOTHING",
    )
    .bind(&train.id)
    .bind(&next.id)
    .execute(tx.connection())
    .await?;
    let now = tx.now();
    let why = format!("its cars went over to {}, which was reopened", train.title());
    let next = next.cancel(now, why.clone())?;
    store::save(tx, &next).await?;
    tx.audit(
        Entry::new(actor, "train.cancel", &next.id, next.title())
            .at(next.href())
            .with("reason", why),
    );
    tx.event("train", &next.id);
    Ok(())
}
