//! Trains as the rest of the program holds them.

use std::sync::Arc;

use app::account::Actor;
use async_trait::async_trait;

use super::history::History;
use super::load::Loader;
use super::reopen;
use crate::approval;
use crate::crypto::Cipher;
use crate::db::{Db, Tx};
use crate::deployment::{DepartureCheck, ReopenTrains};

/// The trains: the tick, and what people ask of them and do with them.
#[derive(Clone)]
pub struct Trains {
    pub(super) db: Db,
    pub(super) history: Arc<dyn History>,
    pub(super) cipher: Cipher,
    pub(super) loader: Loader,
}

impl Trains {
    /// Over a database and the mirrors of the repositories.
    pub fn new(db: Db, history: impl History + 'static, cipher: Cipher) -> Self {
        let history: Arc<dyn History> = Arc::new(history);
        Self {
            loader: Loader::new(db.clone(), history.clone()),
            db,
            history,
            cipher,
        }
    }
}

#[async_trait]
impl DepartureCheck for Trains {
    async fn still_departs(&self, train_id: &str, car_id: &str) -> anyhow::Result<Result<(), String>> {
        approval::still_valid(&self.db, &*self.history, train_id, car_id).await
    }
}

#[async_trait]
impl ReopenTrains for Trains {
    async fn reopen_touching(
        &self,
        tx: &mut Tx,
        slot_id: &str,
        actor: &Actor,
        why: &str,
    ) -> anyhow::Result<()> {
        reopen::reopen_touching(tx, slot_id, actor, why).await?;
        Ok(())
    }
}
