//! Services and their slots: what the sync writes and everything else reads.
//!
//! ```text
//! sync ─► ecs_service (facts) ─┐
//! people ─► mapping ───────────┼─► settle (pure plan in `mapping`) ─► slot ─► board, trains, deployments
//! policy ──────────────────────┘
//! ```

mod content;
pub mod facts;
pub mod mapping;
mod page;
mod settle;
mod store;
mod task;

pub use content::{known_good_place, remember_task_definition, task_definition_content};
pub use page::Services;
pub use settle::settle;
pub use store::{Slot, slot, slot_by_id, slots};
