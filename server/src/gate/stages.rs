//! *Required stages*: what the line asks for, or less for an express train, succeeded in a build of the commit.

use app::build::BuildStatus;

use super::{Finding, Said};
use crate::train::{CarFacts, TrainFacts};

pub(super) fn judge(train: &TrainFacts, car: &CarFacts) -> Said {
    let (wanted, kind) = if train.train.express {
        (&train.environment.express_stages, "An express train")
    } else {
        (&train.environment.required_stages, "This line")
    };
    if wanted.is_empty() {
        return Finding::pass(format!("{kind} asks for no stages."));
    }
    // The newest word on each stage, over all builds that count: promoted images keep theirs.
    let status = |wanted: &String| {
        car.builds
            .iter()
            .filter(|build| build.counts == Some(true))
            .flat_map(|build| &build.stages)
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, status)| *status)
            .find(|status| !matches!(status, BuildStatus::Skipped | BuildStatus::Cancelled))
    };
    let mut missing = Vec::new();
    for stage in wanted {
        match status(stage) {
            Some(BuildStatus::Succeeded) => {}
            Some(BuildStatus::Failed) => {
                return Finding::block(format!("Stage {stage} failed."), "a build in which it succeeds");
            }
            Some(_) => missing.push(format!("{stage} is under way")),
            None => missing.push(format!("{stage} has not run")),
        }
    }
    if missing.is_empty() {
        Finding::pass(format!("Succeeded: {}.", wanted.join(", ")))
    } else {
        Finding::wait(format!("{}.", capital(&missing.join("; "))), "the build")
    }
}

/// With a capital first letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}
