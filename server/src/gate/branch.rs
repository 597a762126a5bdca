//! *Branch allowed*: the mirror finds the commit on a branch that may enter this environment, however it came.

use super::{Finding, Said};
use crate::policy::Environment;
use crate::train::CarFacts;

pub(super) fn judge(environment: &Environment, car: &CarFacts) -> Said {
    if environment.only_branches.is_empty() {
        return Finding::pass("Any branch may come here.");
    }
    let allowed = environment.only_branches.join(", ");
    if let Some(branch) = car
        .branches
        .iter()
        .find(|branch| environment.allows_branch(branch))
    {
        return Finding::pass(format!("Its commit is on {branch}."));
    }
    if car.branches.is_empty() {
        return Finding::wait(
            format!("The mirror does not find its commit on any branch; {allowed} may come here."),
            "the next look at the repository, or a push of the commit to such a branch",
        );
    }
    Finding::block(
        format!(
            "Its commit is on {}; only {allowed} may come here.",
            car.branches.join(", ")
        ),
        "merging it to such a branch",
    )
}
