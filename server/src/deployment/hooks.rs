//! What the engine asks of trains, as traits: the engine knows no gates and no approvals.

use app::account::Actor;
use async_trait::async_trait;

use crate::db::{Db, Tx};

/// Says whether a car may still be deployed. Asked right before the first call that changes anything.
#[async_trait]
pub trait DepartureCheck: Send + Sync {
    /// `Ok(Err(reason))` where it may not: approvals void, train cancelled or held.
    ///
    /// # Errors
    /// It cannot be told now; the engine asks again.
    async fn still_departs(&self, train_id: &str, car_id: &str) -> anyhow::Result<Result<(), String>>;
}

/// Reopens sealed trains that a person's rollback makes outdated.
#[async_trait]
pub trait ReopenTrains: Send + Sync {
    /// Within the transaction that begins the rollback.
    ///
    /// # Errors
    /// The database does not answer.
    async fn reopen_touching(
        &self,
        tx: &mut Tx,
        slot_id: &str,
        actor: &Actor,
        why: &str,
    ) -> anyhow::Result<()>;
}

/// The least there is to check, straight from the train's row: it departs, and is not held.
pub struct TrainRow(pub Db);

#[async_trait]
impl DepartureCheck for TrainRow {
    async fn still_departs(&self, train_id: &str, _car_id: &str) -> anyhow::Result<Result<(), String>> {
        let row: Option<(String, Option<String>)> =
            sqlx::query_as("SELECT state, held_why FROM train WHERE id = $1")
                .bind(train_id)
                .fetch_optional(self.0.read())
                .await?;
        Ok(match row {
            None => Err("its train is not there any more".to_owned()),
            Some((state, _)) if state != "departing" => Err(format!("its train is {state}, not departing")),
            Some((_, Some(why))) => Err(format!("its train is held: {why}")),
            Some(_) => Ok(()),
        })
    }
}
