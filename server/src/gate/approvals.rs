//! *Approvals*: enough people who may agree did, to exactly this manifest.

use super::{Finding, Said};
use crate::train::TrainFacts;

pub(super) fn judge(train: &TrainFacts) -> Said {
    let needed = train.environment.approvals.count;
    if needed == 0 {
        return Finding::pass("This line asks nobody.");
    }
    let who = train.environment.approvals.who();
    let Some(sealed) = train.train.sealed() else {
        return Finding::wait(
            format!("{needed} needed from {who}, once the train is sealed."),
            "sealing the train",
        );
    };
    if sealed.policy_revision != train.policy_revision {
        return Finding::block(
            format!(
                "It was sealed under policy revision {}; {} is in force.",
                sealed.policy_revision, train.policy_revision
            ),
            "the train is reopened by itself",
        );
    }
    let Some(consent) = &train.consent else {
        return Finding::wait("Consent has not been looked at yet.", "the next tick");
    };
    if let Some((person, reason)) = &consent.rejected {
        return Finding::block(
            format!("{person} rejected it: {}.", reason.trim_end_matches('.')),
            "someone with the deploy right: reopen the train, change it, seal it again",
        );
    }
    if let Some(why) = &consent.authors.unknown {
        return Finding::wait(
            format!("Its authors cannot be told: {why}."),
            "the next look at the repository",
        );
    }
    if let Some((identity, name)) = consent.authors.unmatched.first() {
        let more = match consent.authors.unmatched.len() {
            1 => String::new(),
            more => format!(" and {} more", more - 1),
        };
        return Finding::wait(
            format!(
                "Nobody knows who {name} ({identity}){more} is, so it cannot be told whether an author approves."
            ),
            "someone with the right to configure: say who they are, under your name, People",
        );
    }
    let given = consent.counted.len();
    let names = consent.names();
    if given >= usize::try_from(needed).unwrap_or(usize::MAX) {
        return Finding::pass(format!("{given} of {needed}: {names}."));
    }
    let so_far = if given == 0 {
        String::new()
    } else {
        format!(" ({names})")
    };
    let resolve = if consent.may.is_empty() {
        format!(
            "nobody who has logged in may: it takes {who} who is no author and did not seal or edit the train"
        )
    } else {
        format!("{} may", consent.may_names())
    };
    Finding::wait(
        format!("{given} of {needed} given{so_far}; it takes {who}."),
        resolve,
    )
}
