//! *Not held*: nobody holds the train.

use super::{Finding, Said};
use crate::train::Train;

pub(super) fn judge(train: &Train) -> Said {
    match &train.held {
        None => Finding::pass("Nobody holds it."),
        Some(held) => Finding::wait(
            format!("{} holds it: {}.", held.by, held.why.trim_end_matches('.')),
            "someone with the deploy right: release it",
        ),
    }
}
