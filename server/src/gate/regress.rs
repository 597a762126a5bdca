//! *No regress*: what comes contains what runs, so that nothing that users have is taken away.

use super::{Finding, Said};
use crate::policy::Environment;
use crate::train::{Ancestry, CarFacts};

pub(super) fn judge(environment: &Environment, car: &CarFacts, ancestry: &Ancestry) -> Said {
    if !environment.no_regress {
        return Finding::pass("This line takes any commit.");
    }
    if car.slot.runs_now().is_none() && car.slot.running_image.is_none() {
        return Finding::pass("Nothing runs there yet.");
    }
    if car.runs_already() {
        return Finding::pass("The same image runs there.");
    }
    let Some(running) = &car.running_commit else {
        return Finding::wait(
            "The commit of what runs there is not known, so it cannot be told whether this contains it.",
            "an image label or tag that names the commit, or `no_regress = false` in the environment's policy",
        );
    };
    let Some(commit) = &car.car.commit else {
        return Finding::wait(
            "The commit of this image is not known.",
            "an image label or tag that names it",
        );
    };
    match ancestry.contains(car.repository(), running, commit) {
        Some(true) => Finding::pass(format!("Contains {}, which runs there.", short(running))),
        Some(false) => Finding::block(
            format!(
                "{} does not contain {}, which runs there.",
                short(commit),
                short(running)
            ),
            "merging what runs back, and a new build",
        ),
        None => Finding::wait(
            format!(
                "The mirror does not know whether {} contains {}.",
                short(commit),
                short(running)
            ),
            "the next look at the repository",
        ),
    }
}

fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}
