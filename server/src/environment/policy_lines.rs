//! How a line runs, in sentences made from policy.

use crate::policy::{Environment, Source};

/// One sentence a line.
pub fn lines(environment: &Environment) -> Vec<String> {
    let mut lines = Vec::new();
    for source in environment.parsed_sources() {
        lines.push(match source {
            Source::Branch(pattern) => format!("Builds of {pattern} board here."),
            Source::Arrived(from) => {
                format!("What arrived and soaked in {from} boards here: the same bytes.")
            }
        });
    }
    if !environment.express.is_empty() {
        lines.push(format!(
            "Builds of {} board an express train, which goes first.",
            environment.express.join(", ")
        ));
    }
    if !environment.only_branches.is_empty() {
        lines.push(format!(
            "Only commits on {} may come here, however they came.",
            environment.only_branches.join(", ")
        ));
    }
    lines.push(if environment.automatic {
        "Trains are sealed when their slots are idle and depart by themselves once every gate passes."
            .to_owned()
    } else if environment.cutoff_seconds > 0 {
        format!(
            "Trains are sealed {} after their first car boarded, and depart when a person lets them.",
            duration(environment.cutoff_seconds)
        )
    } else {
        "Trains are sealed and let go by a person.".to_owned()
    });
    if !environment.required_stages.is_empty() {
        lines.push(format!(
            "Stages that must have succeeded: {}.",
            environment.required_stages.join(", ")
        ));
    }
    if !environment.express.is_empty() && !environment.express_stages.is_empty() {
        lines.push(format!(
            "An express train needs only: {}.",
            environment.express_stages.join(", ")
        ));
    }
    if environment.no_regress {
        lines.push("What comes must contain what runs.".to_owned());
    }
    if environment.soak_seconds > 0 {
        lines.push(format!(
            "An image has soaked here after {}.",
            duration(environment.soak_seconds)
        ));
    }
    if !environment.alarms.is_empty() {
        lines.push(format!(
            "Alarms that must be OK: {}.",
            environment.alarms.join(", ")
        ));
    }
    let approvals = &environment.approvals;
    lines.push(if approvals.count == 0 {
        "Nobody has to approve.".to_owned()
    } else {
        format!(
            "{} {} needed, given by {}, never by an author; each counts for {} h.",
            approvals.count,
            if approvals.count == 1 {
                "approval is"
            } else {
                "approvals are"
            },
            approvals.who(),
            approvals.expire_hours
        )
    });
    lines.push(format!(
        "{} deployed at a time; after one fails, the rest is not begun.",
        match environment.parallel {
            0 | 1 => "One car is".to_owned(),
            more => format!("Up to {more} cars are"),
        }
    ));
    lines
}

/// "45 s", "10 min", "2 h"
fn duration(seconds: u32) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}
