//! *Way back*: says before departure whether there is anything to go back to. It never stops a train.

use super::{Finding, Said};
use crate::train::CarFacts;

pub(super) fn judge(car: &CarFacts) -> Said {
    Finding::pass(match car.known_good {
        (0, 0) => {
            "Nothing is known to be good here: if this fails, ECS can only be put back to what runs now."
                .to_owned()
        }
        (0, _) => "The way back is what ran when Yardmaster first looked; it was never verified.".to_owned(),
        (1, _) => "One verified image to go back to.".to_owned(),
        (verified, _) => format!("{verified} verified images to go back to."),
    })
}
