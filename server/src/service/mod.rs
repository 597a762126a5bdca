//! Services and their slots: what the sync writes and everything else reads.

mod store;

pub use store::{Slot, slot, slot_by_id, slots};
