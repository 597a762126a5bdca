//! *Build succeeded*: the image's commit has a build that succeeded and counts for its branch.

use app::build::BuildStatus;

use super::{Finding, Said};
use crate::train::CarFacts;

pub(super) fn judge(car: &CarFacts) -> Said {
    let good = |build: &&crate::train::BuildFact| {
        build.status == BuildStatus::Succeeded && build.counts == Some(true)
    };
    if let Some(build) = car.builds.iter().find(good) {
        return Finding::pass(format!("Build {} of {} succeeded.", build.number, build.branch));
    }
    let Some(newest) = car.builds.first() else {
        return Finding::wait(
            "No build of its commit is known.",
            "the CI's report of a build that succeeded",
        );
    };
    match (newest.status, newest.counts) {
        (BuildStatus::Succeeded, Some(false)) => Finding::block(
            format!(
                "Build {} does not count: {}.",
                newest.number,
                newest.counts_why.as_deref().unwrap_or("its branch is not proven")
            ),
            "a build of a push to the repository's own branch",
        ),
        (BuildStatus::Succeeded, _) => Finding::wait(
            format!(
                "Build {} is not proven yet: {}.",
                newest.number,
                newest
                    .counts_why
                    .as_deref()
                    .unwrap_or("the mirror has not seen its commit")
            ),
            "the next look at the repository",
        ),
        (BuildStatus::Queued | BuildStatus::Running, _) => Finding::wait(
            format!(
                "Build {} is {}.",
                newest.number,
                newest.status.word().to_lowercase()
            ),
            "the build",
        ),
        (status, _) => Finding::block(
            format!("Build {} ended {}.", newest.number, status.word().to_lowercase()),
            "a build that succeeds",
        ),
    }
}
