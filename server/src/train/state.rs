//! What a train can be. Transitions consume the old state and answer the new one or say why they can't; a row that
//! fits none of these is an error that names it. Cars are in `car`, the SQL in `store`.

use app::account::Actor;
use app::text::Millis;
use app::train::TrainState;
use sqlx::FromRow;

use crate::db::Inconsistent;

/// A transition that the state does not allow, in words for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Illegal(pub String);

/// A train before or at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Train {
    /// `trn_…`
    pub id: String,
    /// Environment.
    pub environment: String,
    /// Number on its line.
    pub number: i64,
    /// A hotfix train.
    pub express: bool,
    /// Which sealing this is; goes up when it is reopened.
    pub revision: i64,
    /// Goes up with every write; each write compares it.
    pub version: i64,
    /// Who holds it and why; lies over any state before the end.
    pub held: Option<Held>,
    /// Name of the person answerable for it: who sealed it or let it go first. Nobody, while only Yardmaster did.
    pub captain: Option<String>,
    /// When it began to board.
    pub created_at: Millis,
    /// How far it is.
    pub phase: Phase,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Name of who holds.
    pub by: String,
    /// Why.
    pub why: String,
}

/// How far a train is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Takes cars.
    Boarding,
    /// Content fixed.
    Sealed(Sealed),
    /// Cars are being deployed.
    Departing(Sealed, Departure),
    /// Over.
    Ended {
        /// How; one of the five ends.
        state: TrainState,
        /// When.
        at: Millis,
        /// Why, in a sentence.
        why: String,
        /// What it was sealed with, unless it was given up before.
        sealed: Option<Sealed>,
        /// When it left, if it did.
        departure: Option<Departure>,
    },
}

/// What sealing fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// When.
    pub at: Millis,
    /// `usr_…` or `system`.
    pub by: String,
    /// The manifest, canonical JSON.
    pub manifest: String,
    /// Its sha256: what approvals are bound to.
    pub sha256: String,
    /// The policy it was sealed under.
    pub policy_revision: i64,
}

/// When and by whom it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// When.
    pub at: Millis,
    /// `usr_…` or `system`.
    pub by: String,
    /// The epoch under which every gate passed.
    pub epoch: i64,
}

impl Train {
    /// The word of its phase.
    pub const fn state(&self) -> TrainState {
        match &self.phase {
            Phase::Boarding => TrainState::Boarding,
            Phase::Sealed(_) => TrainState::Sealed,
            Phase::Departing(..) => TrainState::Departing,
            Phase::Ended { state, .. } => *state,
        }
    }

    /// "production #42"
    pub fn title(&self) -> String {
        format!("{} #{}", self.environment, self.number)
    }

    /// Its page.
    pub fn href(&self) -> String {
        format!("/trains/{}/{}", self.environment, self.number)
    }

    /// What it was sealed with.
    pub const fn sealed(&self) -> Option<&Sealed> {
        match &self.phase {
            Phase::Boarding => None,
            Phase::Sealed(sealed) | Phase::Departing(sealed, _) => Some(sealed),
            Phase::Ended { sealed, .. } => sealed.as_ref(),
        }
    }

    /// When it left.
    pub const fn departure(&self) -> Option<&Departure> {
        match &self.phase {
            Phase::Departing(_, departure) => Some(departure),
            Phase::Ended { departure, .. } => departure.as_ref(),
            _ => None,
        }
    }

    /// Boarding → Sealed.
    ///
    /// # Errors
    /// It is not boarding, or it is held.
    pub fn seal(self, sealed: Sealed) -> Result<Self, Illegal> {
        self.not_held("sealed")?;
        match self.phase {
            Phase::Boarding => Ok(self.to(Phase::Sealed(sealed))),
            _ => Err(self.not("sealed")),
        }
    }

    /// Makes a person its captain where it has none.
    pub fn under(self, actor: &Actor) -> Self {
        let person = actor.id.starts_with("usr_").then(|| actor.name.clone());
        Self {
            captain: self.captain.or(person),
            ..self
        }
    }

    /// Sealed → Boarding, as the next revision.
    ///
    /// # Errors
    /// It is not sealed.
    pub fn reopen(self) -> Result<Self, Illegal> {
        match self.phase {
            Phase::Sealed(_) => {
                let revision = self.revision + 1;
                Ok(Self {
                    revision,
                    ..self.to(Phase::Boarding)
                })
            }
            _ => Err(self.not("reopened")),
        }
    }

    /// Sealed → Departing.
    ///
    /// # Errors
    /// It is not sealed, or it is held.
    pub fn depart(self, departure: Departure) -> Result<Self, Illegal> {
        self.not_held("let go")?;
        match self.phase {
            Phase::Sealed(ref sealed) => {
                let sealed = sealed.clone();
                Ok(self.to(Phase::Departing(sealed, departure)))
            }
            _ => Err(self.not("let go")),
        }
    }

    /// Departing → one of the ends.
    ///
    /// # Errors
    /// It has not departed, or the end is none.
    pub fn end(self, state: TrainState, at: Millis, why: String) -> Result<Self, Illegal> {
        match self.phase {
            Phase::Departing(ref sealed, ref departure)
                if state.is_end() && state != TrainState::Cancelled =>
            {
                let (sealed, departure) = (Some(sealed.clone()), Some(departure.clone()));
                Ok(self.to(Phase::Ended {
                    state,
                    at,
                    why,
                    sealed,
                    departure,
                }))
            }
            _ => Err(self.not("ended")),
        }
    }

    /// Boarding | Sealed → Cancelled.
    ///
    /// # Errors
    /// It has left already.
    pub fn cancel(self, at: Millis, why: String) -> Result<Self, Illegal> {
        match self.phase {
            Phase::Boarding | Phase::Sealed(_) => {
                let sealed = self.sealed().cloned();
                Ok(self.to(Phase::Ended {
                    state: TrainState::Cancelled,
                    at,
                    why,
                    sealed,
                    departure: None,
                }))
            }
            _ => Err(self.not("cancelled")),
        }
    }

    /// Lays a hold over it.
    ///
    /// # Errors
    /// It is over, or held already.
    pub fn hold(self, held: Held) -> Result<Self, Illegal> {
        match (&self.phase, &self.held) {
            (Phase::Ended { .. }, _) => Err(self.not("held")),
            (_, Some(already)) => Err(Illegal(format!(
                "{} is held already, by {}: {}",
                self.title(),
                already.by,
                already.why
            ))),
            _ => Ok(Self {
                held: Some(held),
                ..self
            }),
        }
    }

    /// Lifts the hold.
    ///
    /// # Errors
    /// It is not held.
    pub fn release(self) -> Result<Self, Illegal> {
        match self.held {
            Some(_) => Ok(Self { held: None, ..self }),
            None => Err(Illegal(format!("{} is not held.", self.title()))),
        }
    }

    fn to(self, phase: Phase) -> Self {
        // A hold has no meaning after the end.
        let held = self.held.filter(|_| !matches!(phase, Phase::Ended { .. }));
        Self { phase, held, ..self }
    }

    fn not(&self, verb: &str) -> Illegal {
        Illegal(format!(
            "{} is {} and cannot be {verb} now.",
            self.title(),
            self.state().word().to_lowercase()
        ))
    }

    fn not_held(&self, verb: &str) -> Result<(), Illegal> {
        match &self.held {
            Some(held) => Err(Illegal(format!(
                "{} cannot be {verb}: {} holds it ({}).",
                self.title(),
                held.by,
                held.why
            ))),
            None => Ok(()),
        }
    }
}

/// A row of `train`.
#[derive(Debug, Clone, FromRow)]
pub struct TrainRow {
    pub id: String,
    pub environment: String,
    pub number: i64,
    pub express: i64,
    pub state: String,
    pub revision: i64,
    pub version: i64,
    pub held_by: Option<String>,
    pub held_why: Option<String>,
    pub captain: Option<String>,
    pub created_at: i64,
    pub sealed_at: Option<i64>,
    pub sealed_by: Option<String>,
    pub manifest: Option<String>,
    pub manifest_sha256: Option<String>,
    pub policy_revision: Option<i64>,
    pub departed_at: Option<i64>,
    pub departed_by: Option<String>,
    pub departed_epoch: Option<i64>,
    pub ended_at: Option<i64>,
    pub ended_why: Option<String>,
}

impl TryFrom<TrainRow> for Train {
    type Error = Inconsistent;

    fn try_from(row: TrainRow) -> Result<Self, Inconsistent> {
        let wrong = |what: String| Inconsistent {
            table: "train",
            id: row.id.clone(),
            what,
        };
        let state: TrainState = row.state.parse().map_err(wrong)?;
        let sealed = match (
            row.sealed_at,
            &row.sealed_by,
            &row.manifest,
            &row.manifest_sha256,
            row.policy_revision,
        ) {
            (Some(at), Some(by), Some(manifest), Some(sha256), Some(policy_revision)) => Some(Sealed {
                at,
                by: by.clone(),
                manifest: manifest.clone(),
                sha256: sha256.clone(),
                policy_revision,
            }),
            (None, None, None, None, None) => None,
            _ => return Err(wrong("it is half sealed".to_owned())),
        };
        let departure = match (row.departed_at, &row.departed_by, row.departed_epoch) {
            (Some(at), Some(by), Some(epoch)) => Some(Departure {
                at,
                by: by.clone(),
                epoch,
            }),
            (None, None, None) => None,
            _ => return Err(wrong("it has half departed".to_owned())),
        };
        let phase = match (state, sealed, departure, row.ended_at, &row.ended_why) {
            (TrainState::Boarding, None, None, None, None) => Phase::Boarding,
            (TrainState::Sealed, Some(sealed), None, None, None) => Phase::Sealed(sealed),
            (TrainState::Departing, Some(sealed), Some(departure), None, None) => {
                Phase::Departing(sealed, departure)
            }
            (TrainState::Cancelled, sealed, None, Some(at), Some(why)) => Phase::Ended {
                state,
                at,
                why: why.clone(),
                sealed,
                departure: None,
            },
            (end, Some(sealed), Some(departure), Some(at), Some(why))
                if end.is_end() && end != TrainState::Cancelled =>
            {
                Phase::Ended {
                    state,
                    at,
                    why: why.clone(),
                    sealed: Some(sealed),
                    departure: Some(departure),
                }
            }
            _ => return Err(wrong(format!("its columns do not belong to state `{state}`"))),
        };
        let held = match (&row.held_by, &row.held_why) {
            (Some(by), Some(why)) => Some(Held {
                by: by.clone(),
                why: why.clone(),
            }),
            (None, None) => None,
            _ => return Err(wrong("it is half held".to_owned())),
        };
        Ok(Self {
            id: row.id,
            environment: row.environment,
            number: row.number,
            express: row.express != 0,
            revision: row.revision,
            version: row.version,
            held,
            captain: row.captain,
            created_at: row.created_at,
            phase,
        })
    }
}
