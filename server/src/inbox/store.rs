//! Deliveries in the database.

use std::str::FromStr;

use app::build::{DeliveryPage, DeliveryState, DeliveryView};
use app::text::Millis;
use sqlx::FromRow;

use super::writer::Letter;
use crate::db::{Db, Inconsistent, Tx};

/// How many deliveries a page has.
const PAGE: usize = 100;

/// A delivery that waits to be applied.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) event: String,
    pub(super) body: String,
    pub(super) attempts: i64,
}

/// Stores a delivery, or counts that it came again. One that was set aside is taken up anew: whoever sends it again by
/// hand has mended what was wrong with it. Gives the id it has here.
pub(super) async fn receive(tx: &mut Tx, letter: &Letter) -> sqlx::Result<String> {
    let (id, now) = (tx.id("dlv"), tx.now());
    let new = sqlx::query(
        "INSERT INTO delivery (id, source, delivery, event, body, received_at, repeats, state, effect, attempts)
         VALUES ($1, $2, $3, $4, $5, $6, 0, 'received', '', 0)
         ON CONFLICT (source, delivery) DO NOTHING",
    )
    .bind(&id)
    .bind(&letter.source)
    .bind(&letter.delivery)
    .bind(&letter.event)
    .bind(&letter.body)
    .bind(now)
    .execute(tx.connection())
    .await?
    .rows_affected();
    if new == 1 {
        return Ok(id);
    }
    sqlx::query(
        "UPDATE delivery SET repeats = repeats + 1,
                body = CASE WHEN state = 'dead' THEN $3 ELSE body END,
                attempts = CASE WHEN state = 'dead' THEN 0 ELSE attempts END,
                state = CASE WHEN state = 'dead' THEN 'received' ELSE state END
         WHERE source = $1 AND delivery = $2",
    )
    .bind(&letter.source)
    .bind(&letter.delivery)
    .bind(&letter.body)
    .execute(tx.connection())
    .await?;
    sqlx::query_scalar("SELECT id FROM delivery WHERE source = $1 AND delivery = $2")
        .bind(&letter.source)
        .bind(&letter.delivery)
        .fetch_one(tx.connection())
        .await
}

/// Deliveries that wait, oldest first, after an id.
pub(super) async fn waiting(db: &Db, after: &str) -> sqlx::Result<Vec<Waiting>> {
    sqlx::query_as(
        "SELECT id, source, event, body, attempts FROM delivery
         WHERE state = 'received' AND id > $1 ORDER BY id LIMIT 50",
    )
    .bind(after)
    .fetch_all(db.read())
    .await
}

/// Takes a delivery for this transaction; no where another process was quicker.
pub(super) async fn claim(tx: &mut Tx, id: &str) -> sqlx::Result<bool> {
    let claimed =
        sqlx::query("UPDATE delivery SET attempts = attempts + 1 WHERE id = $1 AND state = 'received'")
            .bind(id)
            .execute(tx.connection())
            .await?
            .rows_affected();
    Ok(claimed == 1)
}

/// Says what became of a delivery that was claimed.
pub(super) async fn settle(
    tx: &mut Tx,
    id: &str,
    event: &str,
    state: DeliveryState,
    effect: &str,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE delivery SET state = $2, effect = $3, event = $4 WHERE id = $1")
        .bind(id)
        .bind(state.as_str())
        .bind(effect)
        .bind(event)
        .execute(tx.connection())
        .await?;
    tx.event("delivery", id);
    Ok(())
}

/// Says that applying failed; after so many tries the delivery is dead. Gives whether it is now.
pub(super) async fn failed(tx: &mut Tx, id: &str, why: &str, tries: i64) -> sqlx::Result<bool> {
    sqlx::query(
        "UPDATE delivery SET attempts = attempts + 1, effect = $2,
                state = CASE WHEN attempts + 1 >= $3 THEN 'dead' ELSE state END
         WHERE id = $1 AND state = 'received'",
    )
    .bind(id)
    .bind(why)
    .bind(tries)
    .execute(tx.connection())
    .await?;
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM delivery WHERE id = $1")
        .bind(id)
        .fetch_optional(tx.connection())
        .await?;
    Ok(state.as_deref() == Some(DeliveryState::Dead.as_str()))
}

#[derive(FromRow)]
struct Row {
    id: String,
    source: String,
    delivery: String,
    event: String,
    received_at: Millis,
    repeats: i64,
    state: String,
    effect: String,
}

/// A page of deliveries, newest first, older than an id.
///
/// # Errors
/// The database does not answer, or a row is not legal.
pub async fn page(db: &Db, before: Option<&str>) -> anyhow::Result<DeliveryPage> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, source, delivery, event, received_at, repeats, state, effect FROM delivery
         WHERE id < $1 ORDER BY id DESC LIMIT 101",
    )
    .bind(before.unwrap_or("~"))
    .fetch_all(db.read())
    .await?;
    let more = rows.len() > PAGE;
    let deliveries = rows
        .into_iter()
        .take(PAGE)
        .map(view)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(DeliveryPage {
        now: db.now(),
        next: deliveries.last().filter(|_| more).map(|last| last.id.clone()),
        deliveries,
    })
}

fn view(row: Row) -> Result<DeliveryView, Inconsistent> {
    let state = DeliveryState::from_str(&row.state).map_err(|what| Inconsistent {
        table: "delivery",
        id: row.id.clone(),
        what,
    })?;
    Ok(DeliveryView {
        id: row.id,
        source: row.source,
        delivery: row.delivery,
        event: row.event,
        received_at: row.received_at,
        repeats: row.repeats,
        state,
        effect: row.effect,
    })
}
