//! *Data fresh*: the accounts these verdicts rest on were read lately.

use app::text::Millis;

use super::{Finding, Said};
use crate::train::CarFacts;

/// Rounds a source may miss before it is stale.
const MISSED: i64 = 3;

/// Older than this is stale, whatever the reason: perhaps nobody reads at all.
const OLD: Millis = 5 * 60_000;

pub(super) fn judge(car: &CarFacts, now: Millis) -> Said {
    let stale = car
        .sources
        .iter()
        .find(|source| source.missed >= MISSED || source.read_at.is_none_or(|read_at| now - read_at > OLD));
    match stale {
        None => Finding::pass("Read lately."),
        Some(source) => {
            let since = if source.read_at.is_none() {
                "has not been read yet"
            } else if source.missed >= MISSED {
                "has not answered for three rounds"
            } else {
                "has not been read for more than five minutes"
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
