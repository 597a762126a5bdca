//! Services and their slots: what the sync writes and everything else reads.

mod content;
mod store;

pub use content::{known_good_place, remember_task_definition, task_definition_content};
pub use store::{Slot, slot, slot_by_id, slots};
