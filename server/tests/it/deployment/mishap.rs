//! Deployments when things go wrong around them: downtime, lost revisions and images, faults of our own, second thoughts.

use std::sync::Arc;

use app::account::Role;
use app::deployment::{DeploymentPort, DeploymentState as Word, FailureClass};
use app::error::ApiError;
use secrecy::SecretString;
use server::crypto::Cipher;
use server::deployment::Deployments;
use sim::aws::{AlarmState, Failure, Fault, Script, ServiceSpec};

use super::{good, refused};
use crate::support::cloud::{ACCOUNT, POLICY, REGION, image};
use crate::support::rollout::{Effects, Rollout, ada};
use crate::support::store::{Store, somebody};

fn policy(bake: u32, deadline: u32) -> String {
    let wanted = format!("sources = [\"main\"]\nbake_seconds = {bake}\ndeadline_seconds = {deadline}");
    POLICY.replacen("sources = [\"main\"]", &wanted, 1)
}

/// A service whose failed rollouts ECS leaves as they are.
fn without_rollback() -> ServiceSpec {
    ServiceSpec {
        rollback: false,
        ..ServiceSpec::default()
    }
}

fn deregister(rollout: &Rollout, revision: &str) {
    let asked = serde_json::json!({ "taskDefinition": revision });
    rollout
        .cloud
        .aws
        .ecs(ACCOUNT, REGION, "DeregisterTaskDefinition", asked)
        .unwrap();
}

fn delete_image(rollout: &Rollout, digest: &str) {
    rollout
        .cloud
        .aws
        .delete_image(ACCOUNT, REGION, "acme/checkout", digest);
}

#[tokio::test]
async fn what_was_cancelled_or_refused_stays_off_the_slot_too() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.engine.cancel(&ada(), &id, "wrong day").await.unwrap();
    assert_eq!(rollout.rest(&id, 60).await.state, Word::FailedUnchanged);
    assert!(refused(&rollout, &rollout.second).await.is_some());
    rollout
        .engine
        .allow_again(&ada(), &id, "the right day")
        .await
        .unwrap();

    for operation in ["RegisterTaskDefinition", "UpdateService"] {
        let rollout = Rollout::new(Store::sqlite().await).await;
        rollout.cloud.aws.fault(operation, Fault::AccessDenied, 1);
        let id = rollout.ask(&rollout.second).await.unwrap();
        let view = rollout.rest(&id, 60).await;
        assert_eq!(view.state, Word::FailedUnchanged, "{view:#?}");
        let class = view.diagnosis.map(|found| found.class);
        assert_eq!(class, Some(FailureClass::Configuration), "{operation}");
        assert!(refused(&rollout, &rollout.second).await.is_some(), "{operation}");
    }
}

#[tokio::test]
async fn an_image_is_known_good_until_it_fails_itself_or_another_runs_in_its_place() {
    let mut rollout = Rollout::with(Store::sqlite().await, &policy(0, 120), ServiceSpec::default()).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    assert_eq!(rollout.rest(&id, 300).await.state, Word::Succeeded);
    rollout.sync().await;
    let both = [rollout.second.clone(), rollout.first.clone()];

    // A rollback that changes nothing leaves what runs as good as it was.
    let ada = ada();
    let back = || {
        rollout
            .engine
            .roll_back(&ada, "checkout", "staging", &rollout.first, "errors at the till")
    };
    rollout.cloud.aws.fault("UpdateService", Fault::AccessDenied, 1);
    let failed = back().await.unwrap();
    let view = rollout.rest(&failed, 60).await;
    assert_eq!(view.state, Word::FailedUnchanged, "{view:#?}");
    assert_eq!(good(&rollout).await, both);
    // Both are kept off by it, and allowed again together.
    let choice = view.allow_again.unwrap();
    for digest in &both {
        assert!(refused(&rollout, digest).await.is_some());
        let short = digest.trim_start_matches("sha256:").split_at(12).0;
        assert!(choice.label.contains(short), "{}", choice.label);
    }
    rollout
        .engine
        .allow_again(&ada, &failed, "the right is there now")
        .await
        .unwrap();
    for digest in &both {
        assert_eq!(refused(&rollout, digest).await, None);
    }

    let done = back().await.unwrap();
    assert_eq!(good(&rollout).await, both, "not before another runs");
    assert_eq!(rollout.rest(&done, 300).await.state, Word::Succeeded);
    assert_eq!(good(&rollout).await, std::slice::from_ref(&rollout.first));
    rollout
        .engine
        .allow_again(&ada, &done, "it was the till")
        .await
        .unwrap();
    assert!(good(&rollout).await.contains(&rollout.second));

    // Cancelled, or for want of capacity: it is kept off, and still ran well once.
    for failure in [Failure::Stuck, Failure::NoCapacity] {
        rollout.sync().await;
        rollout.cloud.aws.script_image(&rollout.second, failure);
        let id = rollout.ask(&rollout.second).await.unwrap();
        rollout.until(&id, Word::Updating).await;
        if failure == Failure::Stuck {
            rollout.engine.cancel(&ada, &id, "wrong day").await.unwrap();
        }
        let view = rollout.rest(&id, 900).await;
        assert_eq!(view.state, Word::RolledBack, "{view:#?}");
        assert!(refused(&rollout, &rollout.second).await.is_some());
        assert!(good(&rollout).await.contains(&rollout.second), "{failure:?}");
    }
    // It fails itself.
    rollout.sync().await;
    let failure = Failure::Exits { code: 1 };
    rollout.cloud.aws.script_image(&rollout.second, failure);
    let id = rollout.ask(&rollout.second).await.unwrap();
    assert_eq!(rollout.rest(&id, 900).await.state, Word::RolledBack);
    assert_eq!(good(&rollout).await, std::slice::from_ref(&rollout.first));
}

#[tokio::test]
async fn a_release_that_ended_well_while_nobody_looked_is_not_undone() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.until(&id, Word::Updating).await;
    rollout.engine.tick().await.unwrap();
    rollout.cloud.pass(&rollout.store, 7200);
    // The first look after the absence meets a fault of AWS's that passes.
    rollout.cloud.aws.fault("DescribeServices", Fault::Internal, 3);
    let view = rollout.rest(&id, 300).await;
    assert_eq!(view.state, Word::Succeeded, "{view:#?}");
    let effects = rollout.effects();
    assert_eq!((effects.updated, effects.stopped), (1, 0));
}

#[tokio::test]
async fn a_way_back_that_waited_while_nobody_looked_is_still_gone() {
    for (spec, failure, operation) in [
        (ServiceSpec::default(), Failure::Stuck, "StopServiceDeployment"),
        (without_rollback(), Failure::Exits { code: 1 }, "UpdateService"),
    ] {
        let rollout = Rollout::with(Store::sqlite().await, &policy(0, 300), spec).await;
        rollout.cloud.aws.script_image(&rollout.second, failure);
        let id = rollout.ask(&rollout.second).await.unwrap();
        rollout.until(&id, Word::Updating).await;
        rollout.engine.tick().await.unwrap();
        rollout.cloud.aws.fault(operation, Fault::Throttle, 1);
        rollout.until(&id, Word::Undoing).await;
        rollout.cloud.pass(&rollout.store, 7200);
        let view = rollout.rest(&id, 600).await;
        assert_eq!(view.state, Word::RolledBack, "{operation}: {view:#?}");
        let effects = rollout.effects();
        assert_eq!(effects.updated + effects.stopped, 2, "{effects:?}");
        assert!(rollout.told().ends_with(&rollout.first));
    }
}

#[tokio::test]
async fn a_slot_whose_earlier_revision_is_inactive_is_put_back_all_the_same() {
    for store in Store::each().await {
        let rollout = Rollout::with(store, POLICY, without_rollback()).await;
        let failure = Failure::Exits { code: 1 };
        rollout.cloud.aws.script_image(&rollout.second, failure);
        let id = rollout.ask(&rollout.second).await.unwrap();
        rollout.until(&id, Word::Updating).await;
        deregister(&rollout, "checkout:1");
        let view = rollout.rest(&id, 900).await;
        assert_eq!(view.state, Word::RolledBack, "{view:#?}");
        assert!(rollout.told().ends_with(&rollout.first));
        let once = Effects {
            registered: 2,
            updated: 2,
            stopped: 0,
        };
        assert_eq!(rollout.effects(), once);
    }
}

#[tokio::test]
async fn where_the_earlier_image_is_gone_too_the_newest_known_good_one_runs_or_a_person_is_called() {
    let mut rollout = Rollout::with(Store::sqlite().await, POLICY, without_rollback()).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    assert_eq!(rollout.rest(&id, 300).await.state, Word::Succeeded);
    rollout.sync().await;
    let third = rollout
        .cloud
        .push("acme/checkout", "main-99cc03e-20260303-090000", Some("99cc03e"));
    let fails = |digest: &str| rollout.cloud.aws.script_image(digest, Failure::Exits { code: 1 });
    fails(&third);
    let id = rollout.ask(&third).await.unwrap();
    rollout.until(&id, Word::Updating).await;
    deregister(&rollout, "checkout:2");
    delete_image(&rollout, &rollout.second);
    let view = rollout.rest(&id, 900).await;
    assert_eq!(view.state, Word::RolledBack, "{view:#?}");
    assert!(view.verdict.contains(&rollout.first), "{}", view.verdict);
    assert!(rollout.told().ends_with(&rollout.first));

    // Now there is none left.
    let rollout = Rollout::with(Store::sqlite().await, POLICY, without_rollback()).await;
    rollout
        .cloud
        .aws
        .script_image(&rollout.second, Failure::Exits { code: 1 });
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.until(&id, Word::Updating).await;
    deregister(&rollout, "checkout:1");
    delete_image(&rollout, &rollout.first);
    let view = rollout.rest(&id, 900).await;
    assert_eq!(view.state, Word::NeedsHuman, "{view:#?}");
    assert!(view.verdict.contains("gone from ECR"), "{}", view.verdict);
}

#[tokio::test]
async fn tasks_that_crash_after_the_rollout_are_no_success() {
    let rollout = Rollout::with(Store::sqlite().await, &policy(60, 300), ServiceSpec::default()).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.until(&id, Word::Baking).await;
    // What is started from now on crashes, again and again.
    let failure = Failure::Exits { code: 3 };
    rollout.cloud.aws.script_image(&rollout.second, failure);
    let asked = serde_json::json!({ "cluster": "staging", "service": "checkout", "desiredCount": 4 });
    rollout
        .cloud
        .aws
        .ecs(ACCOUNT, REGION, "UpdateService", asked)
        .unwrap();
    let view = rollout.rest(&id, 1200).await;
    assert_eq!(view.state, Word::RolledBack, "{view:#?}");
    assert!(view.verdict.contains("runs"), "{}", view.verdict);
    let class = view.diagnosis.map(|found| found.class);
    assert_eq!(class, Some(FailureClass::ApplicationExit));
    assert!(rollout.told().ends_with(&rollout.first));
    assert_eq!(good(&rollout).await, std::slice::from_ref(&rollout.first));
}

#[tokio::test]
async fn an_alarm_that_fired_before_anybody_could_read_it_undoes_nothing() {
    let rollout = Rollout::with(Store::sqlite().await, &policy(60, 300), ServiceSpec::default()).await;
    rollout
        .cloud
        .aws
        .put_alarm(ACCOUNT, REGION, "checkout-errors", AlarmState::Alarm);
    rollout.cloud.aws.fault("DescribeAlarms", Fault::Internal, 3);
    let id = rollout.ask(&rollout.second).await.unwrap();
    let view = rollout.rest(&id, 600).await;
    assert_eq!(view.state, Word::Succeeded, "{view:#?}");
    let told = |step: &app::deployment::StepView| step.detail.contains("could not be read");
    assert!(view.steps.iter().any(told), "{:#?}", view.steps);
}

#[tokio::test]
async fn a_fault_of_our_own_is_on_the_page_and_has_an_end() {
    let rollout = Rollout::with(Store::sqlite().await, &policy(60, 300), ServiceSpec::default()).await;
    // keys.data was changed: the content that was sealed cannot be read.
    let other = Deployments::new(
        rollout.store.db.clone(),
        Arc::new(rollout.cloud.clients()),
        Cipher::new(&SecretString::from("another key")),
        "other".to_owned(),
    );
    let ends = async |id: &str| {
        for _ in 0..300 {
            let status = other.tick().await.unwrap();
            let view = rollout.view(id).await;
            if view.state.at_rest() {
                return view;
            }
            if !status.problems.is_empty() {
                let shown = view.steps.last().unwrap();
                assert!(shown.detail.contains("keys.data"), "{shown:#?}");
            }
            rollout.cloud.pass(&rollout.store, 3);
        }
        panic!("no end: {:#?}", rollout.view(id).await);
    };
    let id = rollout.ask(&rollout.second).await.unwrap();
    let view = ends(&id).await;
    assert_eq!(view.state, Word::FailedUnchanged, "{view:#?}");
    assert!(view.verdict.contains("keys.data"), "{}", view.verdict);

    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.until(&id, Word::Baking).await;
    let view = ends(&id).await;
    assert_eq!(view.state, Word::NeedsHuman, "{view:#?}");
    assert!(view.verdict.contains("keys.data"), "{}", view.verdict);
    assert_eq!(rollout.effects().updated, 1);

    // A person sees that it runs well and says so; not before it is known to run.
    let why_not = view.vouch.unwrap().why_not.unwrap();
    assert!(why_not.contains("not"), "{why_not}");
    let early = rollout.engine.vouch(&ada(), &id, "I saw it").await;
    assert!(matches!(early, Err(ApiError::Conflict(_))), "{early:?}");
    rollout.cloud.sync(&rollout.store).tick().await.unwrap();
    let vera = somebody("vera", Role::Viewer);
    let denied = rollout.engine.vouch(&vera, &id, "I saw it").await;
    assert!(matches!(denied, Err(ApiError::Forbidden(_))), "{denied:?}");
    rollout
        .engine
        .vouch(&ada(), &id, "the orders come in")
        .await
        .unwrap();
    let view = rollout.view(&id).await;
    assert_eq!(view.state, Word::Succeeded, "{view:#?}");
    assert_eq!(view.verdict, "ada vouches for it: the orders come in");
    assert!(view.vouch.is_none() && view.resolve.is_none() && view.diagnosis.is_none());
    assert_eq!(good(&rollout).await.first(), Some(&rollout.second));
    assert_eq!(refused(&rollout, &rollout.second).await, None);
    assert!(rollout.engine.vouch(&ada(), &id, "again").await.is_err());
    assert_eq!(rollout.effects().updated, 1, "nothing was told to ECS");
}

#[tokio::test]
async fn the_record_of_an_earlier_attempt_is_not_taken_for_the_next_one_s() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    let service = |script| {
        rollout
            .cloud
            .aws
            .script(ACCOUNT, "staging", "checkout", script)
            .unwrap();
    };
    service(Script::FailNext(Failure::Stuck, 1));
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.until(&id, Word::Updating).await;
    rollout.engine.cancel(&ada(), &id, "too early").await.unwrap();
    let view = rollout.rest(&id, 50).await;
    assert_eq!(view.state, Word::RolledBack, "{view:#?}");
    rollout
        .engine
        .allow_again(&ada(), &id, "now it may")
        .await
        .unwrap();
    // The call does nothing, and nobody can know that.
    rollout.cloud.aws.fault("UpdateService", Fault::Internal, 1);
    let again = rollout.ask(&rollout.second).await.unwrap();
    let view = rollout.rest(&again, 300).await;
    assert_eq!(view.state, Word::Succeeded, "{view:#?}");
    assert_eq!(rollout.effects().updated, 2);
    assert!(rollout.told().ends_with(&image("acme/checkout", &rollout.second)));
}
