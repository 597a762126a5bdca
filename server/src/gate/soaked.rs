//! *Soaked upstream*: a promoted image arrived where it comes from and ran there for long enough.
//! Asked of promoted cars only.

use app::text::Millis;

use super::{Finding, Said};
use crate::train::CarFacts;

pub(super) fn judge(car: &CarFacts, now: Millis) -> Option<Said> {
    let from = car.car.promoted_from.as_ref()?;
    let Some(upstream) = &car.upstream else {
        return Some(Finding::wait(
            format!("{from} does not have this service now."),
            format!("the service's return to {from}"),
        ));
    };
    // What has soaked has: that something newer arrived there since does not take it back.
    if upstream.soaked {
        return Some(Finding::pass(format!("Arrived and soaked in {from}.")));
    }
    if upstream.running.as_deref() != Some(car.car.digest.as_str()) {
        return Some(Finding::block(
            format!("It does not run in {from} any more."),
            format!("its return to {from}, or a newer image that arrives there"),
        ));
    }
    let Some((_, arrived)) = upstream
        .arrived
        .as_ref()
        .filter(|(digest, _)| *digest == car.car.digest)
    else {
        return Some(Finding::wait(
            format!("No deployment of it is known to have succeeded in {from}."),
            format!("a deployment to {from}"),
        ));
    };
    let soaked_at = arrived + upstream.soak;
    Some(if soaked_at <= now {
        Finding::pass(format!("Arrived and soaked in {from}."))
    } else {
        Finding::wait(
            format!("Soaks in {from} for {} more.", app_duration(soaked_at - now)),
            "time",
        )
    })
}

/// "12 min", "3 h"
fn app_duration(millis: Millis) -> String {
    let minutes = (millis + 59_999) / 60_000;
    if minutes < 120 {
        format!("{minutes} min")
    } else {
        format!("{} h", (minutes + 59) / 60)
    }
}
