//! It rolled out: it is watched until its time is over, by its alarms and by whether its tasks keep running.

use app::text::Millis;

use super::follow::stop;
use super::{Observed, Step, Subject, superseded};
use crate::aws::EcsService;
use crate::deployment::failure::Failure;
use crate::deployment::state::{Following, State};

/// How long all tasks must have run without a gap at the end of the watch, where it is not shorter itself: tasks that
/// end again and again all run now and then.
const STEADY: Millis = 60_000;

pub(super) fn bake(
    subject: &Subject,
    seen: &Observed,
    following: &Following,
    evidence: &str,
    until: Millis,
    now: Millis,
) -> Step {
    let service = seen.service.as_ref();
    let primary = service.and_then(EcsService::primary);
    let (Some(service), Some(ours)) = (
        service,
        primary.filter(|primary| primary.id == following.rollout.deployment),
    ) else {
        return stop(
            following
                .clone()
                .needs_human(Failure::outside(superseded(&following.registered, primary))),
        );
    };
    if let Some(why) = &subject.cancelled {
        let failure = Failure::outside(format!("Cancelled while it was watched: {why}"));
        return stop(following.clone().undo(failure, now));
    }
    let mut following = following.clone();
    (following.rollout.running, following.rollout.desired) = (ours.running, service.desired);
    let firing = seen.firing.clone().unwrap_or_default();
    // What fired before could not be read then; what the first reading shows stands for it.
    let before = &mut following.registered.before;
    let known = before.firing.get_or_insert_with(|| firing.clone());
    let new: Vec<&str> = firing
        .iter()
        .filter(|name| !known.contains(name))
        .map(String::as_str)
        .collect();
    if !new.is_empty() {
        let failure = Failure::of_image(format!(
            "It rolled out, and then {} fired while it was watched.",
            new.join(" and ")
        ));
        return stop(following.undo(failure, now));
    }
    let (watch, alarms) = (before.rules.bake_seconds, before.rules.alarms.len());
    let short = ours.running < service.desired;
    if short && now >= subject.deadline_at {
        let failure = Failure::of_rollout(format!(
            "It rolled out, but its tasks do not keep running: {} of {} run.",
            ours.running, service.desired
        ));
        return stop(following.undo(failure, now));
    }
    let until = if short {
        until.max(now + STEADY.min(i64::from(watch) * 1000))
    } else {
        until
    };
    if short || now < until {
        let counted = format!("{} of {} tasks run", ours.running, service.desired);
        return Step::wait(
            &State::Baking {
                following,
                evidence: evidence.to_owned(),
                until,
            },
            format!(
                "Watching for {watch} s: {counted}, {} of {alarms} alarms fire.",
                firing.len()
            ),
        );
    }
    Step::go(State::Succeeded { following }, evidence)
}
