//! What stands in the way: silence of AWS, refusals, faults of our own, absences, and images that are not what they were.

use app::deployment::FailureClass;
use serde_json::json;

use super::*;
use crate::deployment::failure::{Blame, Failure};
use crate::deployment::state::Back;

/// The state a step enters.
fn entered(step: Step) -> State {
    match step {
        Step::Go { to, .. } => to,
        other => panic!("goes nowhere: {other:?}"),
    }
}

fn failure(step: Step) -> Failure {
    entered(step).failure().cloned().expect("a failure")
}

fn silence() -> AwsError {
    AwsError::Unreachable("no route".to_owned())
}

#[test]
fn without_aws_it_waits_until_its_deadline() {
    let cause = silence();
    let later = |mut subject: Subject, now: Millis| {
        subject.looked_at = now;
        short(&unread(&subject, &cause, now))
    };
    let following = || subject(State::Following(following()));
    assert_eq!(later(following(), NOW), "wait");
    // Unread it can be neither believed nor undone: as long again, and then a person.
    assert_eq!(later(following(), NOW + 600_000), "wait");
    assert_eq!(later(following(), NOW + 1_200_000), "go needs-human");
    let updating = subject(State::Updating(registered()));
    assert_eq!(later(updating, NOW + 600_000), "go needs-human");
    let denied = AwsError::Denied("no".to_owned());
    let refused = failure(unread(&subject(State::Preflight), &denied, NOW));
    assert_eq!(
        (refused.blame, refused.class),
        (Blame::Outside, Some(FailureClass::Configuration))
    );
    assert_eq!(State::Preflight.word(), Word::Preflight);
}

#[test]
fn the_first_look_after_an_absence_decides_nothing() {
    let late = NOW + 3_600_000;
    for state in [
        State::Preflight,
        State::Updating(registered()),
        State::Following(following()),
    ] {
        let mut subject = subject(state);
        assert_eq!(short(&unread(&subject, &silence(), late)), "wait");
        subject.looked_at = late;
        assert_ne!(short(&unread(&subject, &silence(), late)), "wait");
    }
}

#[test]
fn a_way_back_that_nobody_looked_at_has_its_time_anew_once() {
    let mut seen = seen(ours(Some("FAILED")));
    seen.record = record("2", Status::Stopped, None);
    let late = NOW + 3_600_000;
    let subject_of = |state| subject(state);
    let absent = subject_of(undoing(Way::Return { rollout: None }));
    for step in [
        next(&absent, &seen, late),
        unread(&absent, &silence(), late),
        broken(&absent, "the key", late),
    ] {
        let State::Undoing(extended) = entered(step) else {
            panic!("goes on undoing")
        };
        assert_eq!((extended.extended, extended.deadline_at), (true, late + 600_000));
        let mut again = subject_of(State::Undoing(extended.clone()));
        assert_eq!(short(&next(&again, &seen, late)), "update web:1");
        // Once.
        let later = late + 3_600_000;
        assert_eq!(short(&next(&again, &seen, later)), "go needs-human");
        again.looked_at = later;
        assert_eq!(short(&unread(&again, &silence(), later)), "go needs-human");
    }
    // Nobody was away: one deadline.
    let mut present = absent;
    present.looked_at = late;
    assert_eq!(short(&next(&present, &seen, late)), "go needs-human");
}

#[test]
fn a_right_that_is_missing_blames_nobody() {
    let denied = AwsError::Denied("ecs:UpdateService".to_owned());
    for state in [
        State::Registering(registered().before),
        State::Updating(registered()),
    ] {
        let told = failure(refused(&subject(state.clone()), &denied));
        assert_eq!(
            (told.blame, told.class),
            (Blame::Outside, Some(FailureClass::Configuration))
        );
        let invalid = AwsError::Invalid("cpu".to_owned());
        assert_eq!(failure(refused(&subject(state), &invalid)).blame, Blame::Rollout);
    }
}

#[test]
fn only_what_a_new_sealing_cures_may_board_again_at_once() {
    let good = seen(before("COMPLETED"));
    let foreign = seen(vec![deployment(
        "ecs-svc/8",
        "PRIMARY",
        FOREIGN,
        Some("COMPLETED"),
    )]);
    let mut gone = foreign.clone();
    gone.record = Record::NotShown;
    let barred = Observed {
        barred: Some("its train is held".to_owned()),
        ..good.clone()
    };
    let mut external = good.clone();
    external.service.as_mut().unwrap().controller = "EXTERNAL".to_owned();
    let busy = seen(before("IN_PROGRESS"));
    let cancelled = |state| Subject {
        cancelled: Some("wrong day".to_owned()),
        ..subject(state)
    };
    for (what, subject, seen, now, wanted) in [
        (
            "another base",
            subject(State::Preflight),
            &foreign,
            NOW,
            Blame::Sealing,
        ),
        ("barred", subject(State::Preflight), &barred, NOW, Blame::Sealing),
        (
            "superseded",
            subject(State::Registered(registered())),
            &foreign,
            NOW,
            Blame::Sealing,
        ),
        (
            "superseded late",
            subject(State::Updating(registered())),
            &gone,
            NOW,
            Blame::Sealing,
        ),
        (
            "controller",
            subject(State::Preflight),
            &external,
            NOW,
            Blame::Outside,
        ),
        (
            "cancelled",
            cancelled(State::Preflight),
            &good,
            NOW,
            Blame::Outside,
        ),
        (
            "never idle",
            subject(State::Preflight),
            &busy,
            NOW + 600_000,
            Blame::Outside,
        ),
        (
            "cancelled on its way",
            cancelled(State::Following(following())),
            &seen(ours(Some("IN_PROGRESS"))),
            NOW,
            Blame::Outside,
        ),
        (
            "endless",
            subject(State::Following(following())),
            &seen(ours(Some("IN_PROGRESS"))),
            NOW + 600_000,
            Blame::Rollout,
        ),
    ] {
        assert_eq!(failure(next(&subject, seen, now)).blame, wanted, "{what}");
    }
}

#[test]
fn what_was_there_before_is_never_taken_for_ours() {
    let mut updating = registered();
    updating.before.older = vec!["ecs-svc/5".to_owned()];
    let mut deployments = before("COMPLETED");
    deployments.push(deployment("ecs-svc/5", "ACTIVE", NEW, Some("FAILED")));
    let seen = seen(deployments);
    assert_eq!(next_of(State::Updating(updating), &seen), "update web:2");
    assert_eq!(next_of(State::Updating(registered()), &seen), "go follow");
    // Preflight writes it down.
    let mut known = seen;
    known.records = vec!["arn:service-deployment/c/web/5".to_owned()];
    let State::Registering(before) = entered(next(&subject(State::Preflight), &known, NOW)) else {
        panic!("it is registered next")
    };
    assert_eq!(
        before.older,
        ["ecs-svc/1", "ecs-svc/5", "arn:service-deployment/c/web/5"]
    );
}

fn baking(until: Millis, firing: Option<Vec<String>>) -> State {
    let mut following = following();
    following.registered.before.firing = firing;
    State::Baking {
        following,
        evidence: "proof".to_owned(),
        until,
    }
}

#[test]
fn alarms_that_nobody_read_before_are_read_when_it_is_watched() {
    let firing = |names: &[&str]| Observed {
        firing: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..seen(ours(Some("COMPLETED")))
    };
    let Step::Wait { state, .. } = next(&subject(baking(NOW + 1, None)), &firing(&["alarm"]), NOW) else {
        panic!("the first reading is what counts as before")
    };
    assert_eq!(next_of(state.clone(), &firing(&["alarm"])), "wait");
    assert_eq!(next_of(state, &firing(&["alarm", "another"])), "go undo");
    assert_eq!(next_of(baking(NOW, None), &firing(&["alarm"])), "go succeeded");
    assert_eq!(next_of(baking(NOW, Some(vec![])), &firing(&["alarm"])), "go undo");
}

#[test]
fn tasks_that_do_not_keep_running_are_no_success() {
    let mut seen = seen(ours(Some("COMPLETED")));
    seen.service.as_mut().unwrap().deployments[0].running = 1;
    let Step::Wait { state, detail } = next(&subject(baking(NOW, None)), &seen, NOW) else {
        panic!("it waits for all of them")
    };
    assert!(detail.contains("1 of 2 tasks run"), "{detail}");
    // All of them run, but not for long yet.
    let mut whole = seen.clone();
    whole.service.as_mut().unwrap().deployments[0].running = 2;
    assert_eq!(next_of(state.clone(), &whole), "wait");
    assert_eq!(
        short(&next(&subject(state.clone()), &whole, NOW + 60_000)),
        "go succeeded"
    );
    let told = failure(next(&subject(state), &seen, NOW + 600_000));
    assert_eq!(told.blame, Blame::Rollout);
    assert!(told.sentence.contains("1 of 2"), "{}", told.sentence);
}

#[test]
fn what_ran_before_is_registered_again_where_its_revision_is_inactive() {
    let inactive = AwsError::Invalid("TaskDefinition is inactive".to_owned());
    let back = || undoing(Way::Return { rollout: None });
    assert_eq!(short(&refused(&subject(back()), &inactive)), "go restore");
    let denied = AwsError::Denied("no".to_owned());
    assert_eq!(short(&refused(&subject(back()), &denied)), "go needs-human");

    let restorable = |existing: Option<&str>| Restorable {
        content: json!({}),
        digest: None,
        existing: existing.map(str::to_owned),
    };
    let mut seen = seen(ours(Some("FAILED")));
    seen.restorable = Some(restorable(None));
    let restore = || undoing(Way::Restore);
    assert_eq!(next_of(restore(), &seen), "register");
    seen.settled = false;
    assert_eq!(next_of(restore(), &seen), "wait");
    seen.settled = true;
    seen.restorable = Some(restorable(Some("arn:task-definition/web:3")));
    let registered = entered(next(&subject(restore()), &seen, NOW));
    assert_eq!(next_of(registered.clone(), &seen), "update web:3");
    // Refused again, it does not go round in circles.
    assert_eq!(short(&refused(&subject(registered), &inactive)), "go needs-human");
    seen.restorable = None;
    let told = failure(next(&subject(restore()), &seen, NOW));
    assert!(told.sentence.contains("gone from ECR"), "{}", told.sentence);
}

#[test]
fn another_image_than_before_is_said_to_run() {
    let State::Undoing(undoing) = undoing(Way::Return {
        rollout: Some(Rollout {
            deployment: "ecs-svc/3".to_owned(),
            record: None,
            ran_before: false,
            running: 2,
            desired: 2,
        }),
    }) else {
        panic!("undoing")
    };
    let undoing = State::Undoing(Undoing {
        back: Some(Back {
            task_definition: FOREIGN.to_owned(),
            digest: Some("sha256:older".to_owned()),
        }),
        ..undoing
    });
    let seen = seen(vec![deployment(
        "ecs-svc/3",
        "PRIMARY",
        FOREIGN,
        Some("COMPLETED"),
    )]);
    let Step::Go { to, detail } = next(&subject(undoing), &seen, NOW) else {
        panic!("it is put back")
    };
    assert_eq!(to.word(), Word::RolledBack);
    assert!(detail.contains("sha256:older"), "{detail}");
}

#[test]
fn a_fault_of_our_own_is_told_and_ends_at_the_deadline() {
    let late = NOW + 600_000;
    for (state, ends) in [
        (State::Preflight, "go failed-unchanged"),
        (State::Registering(registered().before), "go failed-unchanged"),
        (State::Updating(registered()), "go needs-human"),
        (State::Following(following()), "go needs-human"),
        (baking(NOW, None), "go needs-human"),
    ] {
        let mut subject = subject(state);
        let Step::Wait { detail, .. } = broken(&subject, "keys.data is another", NOW) else {
            panic!("it is tried again")
        };
        assert!(detail.contains("keys.data is another"), "{detail}");
        assert_eq!(short(&broken(&subject, "keys.data is another", late)), ends);
        // A person's word is heard meanwhile, where it is known what was done.
        subject.cancelled = Some("wrong day".to_owned());
        let heard = short(&broken(&subject, "keys.data is another", NOW));
        match subject.state {
            State::Updating(_) => assert_eq!(heard, "wait"),
            State::Following(_) | State::Baking { .. } => assert_eq!(heard, "go undo"),
            _ => assert_eq!(heard, "go failed-unchanged"),
        }
    }
}
