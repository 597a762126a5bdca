//! One task stores all deliveries. What arrives while a transaction is under way shares the next one, so that a burst
//! costs a few waits for the disk and not one for each; nobody is answered before the commit.

use tokio::sync::{mpsc, oneshot};

use super::store;
use crate::db::Db;

/// How many may wait; more are told to come again.
const QUEUE: usize = 2_048;
/// How many share a transaction.
const BATCH: usize = 256;

/// One verified delivery on its way into the database.
pub(super) struct Letter {
    pub(super) source: String,
    pub(super) delivery: String,
    pub(super) event: String,
    pub(super) body: String,
    answer: oneshot::Sender<Result<String, Refusal>>,
}

/// Why a delivery was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The database did not take it.
    NotStored,
}

impl Letter {
    pub(super) fn new(
        source: String,
        delivery: String,
        event: String,
        body: String,
    ) -> (Self, oneshot::Receiver<Result<String, Refusal>>) {
        let (answer, receiver) = oneshot::channel();
        let letter = Self {
            source,
            delivery,
            event,
            body,
            answer,
        };
        (letter, receiver)
    }
}

/// Starts the writer; it ends when every sender is gone.
pub(super) fn start(db: Db) -> mpsc::Sender<Letter> {
    let (intake, mut letters) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(BATCH);
        while letters.recv_many(&mut batch, BATCH).await > 0 {
            write(&db, &mut batch).await;
        }
    });
    intake
}

async fn write(db: &Db, batch: &mut Vec<Letter>) {
    match store_all(db, batch).await {
        Ok(ids) => {
            for (letter, id) in batch.drain(..).zip(ids) {
                let _ = letter.answer.send(Ok(id));
            }
        }
        Err(cause) => {
            tracing::error!(name: "inbox.not_stored", deliveries = batch.len(), cause = %cause, "webhook deliveries could not be stored");
            // One that the database will not take must not take the others with it. Where the database does not
            // answer at all, asking again for each would only keep everybody waiting.
            let one_by_one = batch.len() > 1 && matches!(cause, sqlx::Error::Database(_));
            for letter in batch.drain(..) {
                let stored = if one_by_one {
                    store_all(db, std::slice::from_ref(&letter)).await.ok()
                } else {
                    None
                };
                let answer = stored
                    .and_then(|ids| ids.into_iter().next())
                    .ok_or(Refusal::NotStored);
                let _ = letter.answer.send(answer);
            }
        }
    }
}

async fn store_all(db: &Db, letters: &[Letter]) -> sqlx::Result<Vec<String>> {
    let mut tx = db.begin().await?;
    let mut ids = Vec::with_capacity(letters.len());
    for letter in letters {
        ids.push(store::receive(&mut tx, letter).await?);
    }
    // One event for all of them: it wakes the tick, which looks for itself.
    tx.event("delivery", "");
    tx.commit().await?;
    Ok(ids)
}
