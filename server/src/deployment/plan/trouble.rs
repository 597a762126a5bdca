//! What comes next where something stands in the way: ECS could not be read, a call was refused, or a step failed in
//! this program itself.

use app::deployment::FailureClass;
use app::text::Millis;

use super::follow::stop;
use super::preflight::cancelled;
use super::undo::extended;
use super::{Step, Subject};
use crate::aws::AwsError;
use crate::deployment::failure::Failure;
use crate::deployment::state::{State, Way};

/// A look that comes later than this comes after an absence: the program was down.
const ABSENT: Millis = 60_000;

impl Subject {
    /// Nobody looked for a while: a deadline may have passed with nothing tried before it.
    pub(super) const fn unattended(&self, now: Millis) -> bool {
        now - self.looked_at > ABSENT
    }
}

/// What comes next where ECS could not be read.
pub fn unread(subject: &Subject, cause: &AwsError, now: Millis) -> Step {
    let wait = || Step::wait(&subject.state, cause.to_string());
    let late = now >= subject.deadline_at;
    if cause.passing() && subject.unattended(now) {
        // The first look after an absence decides nothing: the network may still be coming up, as this program is.
        return match &subject.state {
            State::Undoing(undoing) => extended(subject, undoing, now).unwrap_or_else(wait),
            _ => wait(),
        };
    }
    let gave_up = || Failure::outside(format!("Given up: {cause}."));
    match &subject.state {
        State::Preflight | State::Registering(_) | State::Registered(_) if late || !cause.passing() => {
            let failure = if cause.passing() {
                gave_up()
            } else {
                gave_up().classed(FailureClass::Configuration)
            };
            Step::go(State::FailedUnchanged { failure }, cause.to_string())
        }
        // It may have ended well, and it cannot be undone unread either: there is as much time again to read it in.
        State::Following(following)
            if now
                >= subject.deadline_at
                    + i64::from(following.registered.before.rules.deadline_seconds) * 1000 =>
        {
            Step::go(
                following.clone().needs_human(Failure::outside(format!(
                    "ECS was told, but how its rollout went could not be read: {cause}."
                ))),
                cause.to_string(),
            )
        }
        State::Baking { following, .. } if late => Step::go(
            following.clone().needs_human(Failure::outside(format!(
                "It rolled out, but whether it runs well could not be read: {cause}."
            ))),
            cause.to_string(),
        ),
        State::Updating(_) if late => Step::go(
            State::NeedsHuman {
                following: None,
                failure: Failure::outside(format!(
                    "ECS may or may not have been told to deploy, and could not be read until the deadline: {cause}."
                )),
            },
            cause.to_string(),
        ),
        State::Undoing(undoing) if now >= undoing.deadline_at => Step::go(
            undoing.clone().stuck(&format!("And then {cause}.")),
            cause.to_string(),
        ),
        _ => wait(),
    }
}

/// What comes next where a call was refused: nothing happened, or it may have (then ECS is read again first).
pub fn refused(subject: &Subject, cause: &AwsError) -> Step {
    if cause.passing() {
        return Step::wait(
            &subject.state,
            format!("{cause}. Looking again before anything is repeated."),
        );
    }
    // A right that is missing says nothing about what was to be deployed.
    let unchanged = |what: &str| {
        let sentence = format!("{what}: {cause}.");
        let failure = match cause {
            AwsError::Denied(_) => Failure::outside(sentence).classed(FailureClass::Configuration),
            _ => Failure::of_rollout(sentence),
        };
        Step::go(State::FailedUnchanged { failure }, cause.to_string())
    };
    match &subject.state {
        State::Registering(_) => unchanged("The task definition was not registered"),
        State::Updating(_) => unchanged("ECS did not take the update"),
        State::Undoing(undoing) => match (&undoing.way, cause) {
            (Way::Stop { .. }, _) => Step::go(
                undoing.clone().by(Way::Return { rollout: None }),
                format!("ECS does not roll back itself: {cause}."),
            ),
            (Way::Return { rollout: None }, AwsError::Invalid(_)) if undoing.back.is_none() => Step::go(
                undoing.clone().by(Way::Restore),
                format!("ECS does not take back what ran before: {cause}."),
            ),
            _ => Step::go(
                undoing
                    .clone()
                    .stuck(&format!("It could not be put back: {cause}.")),
                cause.to_string(),
            ),
        },
        state => Step::wait(state, cause.to_string()),
    }
}

/// What comes next where a step failed in this program itself: it is tried again until the deadline, and the page says
/// why meanwhile.
pub fn broken(subject: &Subject, cause: &str, now: Millis) -> Step {
    let late = now >= subject.deadline_at;
    let sentence = format!("Yardmaster itself cannot go on: {cause}.");
    match &subject.state {
        State::Requested | State::Preflight | State::Registering(_) | State::Registered(_) => {
            match cancelled(subject) {
                Some(failure) => Step::unchanged(failure),
                None if late => Step::unchanged(Failure::outside(sentence)),
                None => Step::wait(&subject.state, sentence),
            }
        }
        State::Updating(_) if late => stop(State::NeedsHuman {
            following: None,
            failure: Failure::outside(sentence),
        }),
        State::Following(following) | State::Baking { following, .. } => match &subject.cancelled {
            Some(why) => stop(
                following
                    .clone()
                    .undo(Failure::outside(format!("Cancelled: {why}")), now),
            ),
            None if late => stop(following.clone().needs_human(Failure::outside(sentence))),
            None => Step::wait(&subject.state, sentence),
        },
        State::Undoing(undoing) if now >= undoing.deadline_at => {
            extended(subject, undoing, now).unwrap_or_else(|| stop(undoing.clone().stuck(&sentence)))
        }
        state => Step::wait(state, sentence),
    }
}
