//! *Alarms OK*: the alarms that policy names for the slot are quiet before anything is changed.

use super::{Finding, Said};
use crate::train::CarFacts;

pub(super) fn judge(car: &CarFacts) -> Said {
    if car.alarms.is_empty() {
        return Finding::pass("Policy names no alarms.");
    }
    let mut waiting = Vec::new();
    for alarm in &car.alarms {
        match &alarm.state {
            Some((state, _)) if state == "OK" => {}
            Some((state, reason)) if state == "ALARM" => {
                let reason = reason
                    .as_deref()
                    .map(|reason| format!(" ({reason})"))
                    .unwrap_or_default();
                return Finding::block(
                    format!("Alarm {} is in ALARM{reason}.", alarm.name),
                    "whoever answers for the service; it passes when the alarm is OK again",
                );
            }
            Some((state, _)) => waiting.push(format!("{} says {state}", alarm.name)),
            None => waiting.push(format!("{} has not been read", alarm.name)),
        }
    }
    if waiting.is_empty() {
        Finding::pass(format!("{} OK.", count(car.alarms.len())))
    } else {
        Finding::wait(
            format!("Alarm {}.", waiting.join("; ")),
            "the alarm's next data, or the right name in policy",
        )
    }
}

fn count(alarms: usize) -> String {
    match alarms {
        1 => "1 alarm is".to_owned(),
        more => format!("{more} alarms are"),
    }
}
