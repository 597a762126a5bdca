//! Deployments: one attempt each to make one slot run one image, and to put it back if that fails.
//!
//! ```text
//! request (train, person) ─► deployment row ─► tick: lease → observe ECS → plan (pure) → one effect → journal ─► at rest
//! ```
//!
//! The engine remembers nothing between two steps: everything stands in the row, the journal and ECS itself, so that
//! any process may go on where another was killed. ECS takes no idempotency key; what makes a step safe to repeat is
//! that its intent is written before it, and ECS is read again before it is called again.

mod actions;
mod content;
pub mod diagnose;
mod engine;
mod evidence;
mod failure;
mod hooks;
mod journal;
mod lease;
mod observe;
pub mod plan;
mod request;
mod standing;
mod state;
mod store;
mod view;
mod vouch;

pub use engine::{Deployments, Points, Status};
pub use failure::{Blame, Failure};
pub use hooks::{DepartureCheck, ReopenTrains, TrainRow};
pub use request::{NewDeployment, RequestError, request};
pub use standing::{KnownGood, Standing, UnderWay, boarding_refusal, known_good, states, under_way};
pub use state::{Back, Before, Facts, Following, Registered, Rollout, Rules, State, Undoing, Way};
