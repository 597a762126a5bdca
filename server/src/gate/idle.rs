//! *Slot idle*: no other deployment works on the slot, and none waits there for a person.

use app::deployment::DeploymentState;

use super::{Finding, Said};
use crate::train::CarFacts;

pub(super) fn judge(car: &CarFacts) -> Said {
    match &car.busy {
        None => Finding::pass("No deployment is under way."),
        Some(busy) if busy.state == DeploymentState::NeedsHuman => Finding::wait(
            format!("Deployment {} needs a human and keeps the slot.", busy.id),
            "someone with the rollback right: look at it and resolve it",
        ),
        Some(busy) => Finding::wait(
            format!(
                "Deployment {} is under way ({}).",
                busy.id,
                busy.state.word().to_lowercase()
            ),
            "its end",
        ),
    }
}
