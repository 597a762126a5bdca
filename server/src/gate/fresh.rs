//! *Data fresh*: the accounts these verdicts rest on were read lately.

use super::{Finding, Said};
use crate::train::CarFacts;

/// Rounds a source may miss before it is stale.
const MISSED: i64 = 3;

pub(super) fn judge(car: &CarFacts) -> Said {
    let stale = car
        .sources
        .iter()
        .find(|source| source.read_at.is_none() || source.missed >= MISSED);
    match stale {
        None => Finding::pass("Read lately."),
        Some(source) => {
            let since = if source.read_at.is_none() {
                "has not been read yet"
            } else {
                "has not answered for three rounds"
            };
            let problem = source
                .problem
                .as_deref()
                .map(|problem| format!(": {problem}"))
                .unwrap_or_default();
            Finding::wait(
                format!("{} {since}{problem}.", source.name),
                "the next reading; if it stays, whoever looks after that account",
            )
        }
    }
}
