//! Trains: what goes next, together, on which line.
//!
//! ```text
//! facts (builds, images, slots, ancestry) ── plan (pure) ──► steps ── tick (one transaction each) ──► train, car,
//!                                                                        deployment requests ──► deployment tick
//! people: seal · approve · depart · hold · reopen · cancel ── act ──────────────────┘
//! ```

mod act;
mod boarding;
mod car;
mod facts;
#[cfg(test)]
mod golden;
mod history;
mod load;
mod log;
mod manifest;
mod orders;
mod plan;
mod reopen;
mod service;
mod state;
mod store;
mod tick;
mod view;
mod view_car;

pub use car::{Car, CarPhase, Content};
pub use facts::{
    AlarmFact, Ancestry, BuildFact, Candidate, CarFacts, Facts, Line, SlotFacts, SourceFact, TrainFacts,
    Upstream,
};
pub use history::History;
pub use load::Loader;
pub use manifest::{Manifest, ManifestCar, manifest_cars};
pub use plan::{Step, plan};
pub use reopen::reopen_touching;
pub use service::Trains;
pub use state::{Departure, Held, Illegal, Phase, Sealed, Train};
pub use store::{Refused, unchanged};
pub use tick::Status;
pub use view::sentence;

use crate::db::Db;

/// One train by its id.
///
/// # Errors
/// The database does not answer, or the row makes no sense.
pub async fn by_id(db: &Db, id: &str) -> Result<Option<Train>, Refused> {
    store::train_by_id(db.read(), id).await
}

/// Cars of a train, in order.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn cars(db: &Db, train: &str) -> Result<Vec<Car>, Refused> {
    store::cars_of(db.read(), train).await
}

/// Trains before their end, of every line.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn open(db: &Db) -> Result<Vec<Train>, Refused> {
    store::open_trains(db.read()).await
}

/// The team that owns every service on a train; `None` where there is more than one, or nobody does.
///
/// # Errors
/// The database does not answer.
pub async fn team(db: &Db, train: &str) -> sqlx::Result<Option<String>> {
    let teams: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT service.team FROM car
         JOIN slot ON slot.id = car.slot_id JOIN service ON service.id = slot.service_id
         WHERE car.train_id = $1",
    )
    .bind(train)
    .fetch_all(db.read())
    .await?;
    Ok(crate::auth::one_team(teams.iter().map(String::as_str)).map(str::to_owned))
}

/// Ended trains of a line with numbers below `before`, newest first.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn past(db: &Db, environment: &str, before: i64, limit: i64) -> Result<Vec<Train>, Refused> {
    store::past_trains(db, environment, before, limit).await
}
