//! The engine is ended at every point at which it can be ended, and another one goes on.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use app::deployment::DeploymentState as Word;
use futures::FutureExt;
use sim::aws::{Failure, ServiceSpec};

use crate::support::cloud::{ACCOUNT, POLICY, REGION};
use crate::support::rollout::{Effects, Rollout, ada};
use crate::support::store::Store;

/// What is played through.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Play {
    /// It succeeds.
    Forward,
    /// The circuit breaker rolls it back.
    Breaker,
    /// It is cancelled while it rolls out.
    Cancelled,
    /// It fails, ECS leaves it so, and the revision that ran before is INACTIVE.
    Restored,
}

/// Plays a deployment through, ending the engine at the `nth` time that `point` is reached. Answers which points were
/// reached how often, and whether it was ended.
async fn play(play: Play, store: Store, end_at: Option<(String, u32)>) -> (BTreeMap<String, u32>, bool) {
    let spec = ServiceSpec {
        rollback: play != Play::Restored,
        ..ServiceSpec::default()
    };
    let rollout = Rollout::with(store, POLICY, spec).await;
    match play {
        Play::Forward => {}
        Play::Breaker | Play::Restored => rollout
            .cloud
            .aws
            .script_image(&rollout.second, Failure::Exits { code: 1 }),
        Play::Cancelled => rollout.cloud.aws.script_image(&rollout.second, Failure::Stuck),
    }
    let reached = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let seen = reached.clone();
    let wanted = end_at.clone();
    let mut engine = rollout.replica("one").with_points(Arc::new(move |point| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let times = seen.entry(point.to_owned()).or_default();
        *times += 1;
        if wanted
            .as_ref()
            .is_some_and(|(name, nth)| name == point && *nth == *times)
        {
            panic!("ended at {point}");
        }
    }));
    let id = rollout.ask(&rollout.second).await.unwrap();
    let mut ended = false;
    let mut cancelled = false;
    for _ in 0..900 {
        match AssertUnwindSafe(engine.tick()).catch_unwind().await {
            Ok(status) => assert_eq!(status.unwrap().problems, Vec::<String>::new(), "{end_at:?}"),
            Err(_) => {
                ended = true;
                engine = rollout.replica("one");
            }
        }
        let state = rollout.state(&id).await;
        if state.at_rest() {
            break;
        }
        if play == Play::Cancelled
            && state == Word::Updating
            && !cancelled
            && rollout.view(&id).await.percent.is_some()
        {
            app::deployment::DeploymentPort::cancel(&rollout.engine, &ada(), &id, "wrong day")
                .await
                .unwrap();
            cancelled = true;
        }
        if play == Play::Restored && state == Word::Updating {
            let asked = serde_json::json!({ "taskDefinition": "checkout:1" });
            rollout
                .cloud
                .aws
                .ecs(ACCOUNT, REGION, "DeregisterTaskDefinition", asked)
                .unwrap();
        }
        rollout.cloud.pass(&rollout.store, 3);
    }
    let view = rollout.view(&id).await;
    let (word, runs, (registered, updated, stopped)) = match play {
        Play::Forward => (Word::Succeeded, &rollout.second, (1, 1, 0)),
        Play::Breaker => (Word::RolledBack, &rollout.first, (1, 1, 0)),
        Play::Cancelled => (Word::RolledBack, &rollout.first, (1, 1, 1)),
        Play::Restored => (Word::RolledBack, &rollout.first, (2, 2, 0)),
    };
    assert_eq!(view.state, word, "{end_at:?}: {view:#?}");
    assert!(rollout.told().ends_with(runs), "{end_at:?}");
    assert_eq!(
        rollout.effects(),
        Effects {
            registered,
            updated,
            stopped
        },
        "{end_at:?}"
    );
    let report = server::audit::verify(&rollout.store.db, None).await.unwrap();
    assert!(report.sound(), "{report}");
    let reached = reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (reached, ended)
}

async fn every_point(of: Play) {
    every_point_of(of, &[""]).await;
}

/// Every point of these steps; the empty text stands for all.
async fn every_point_of(of: Play, steps: &[&str]) {
    let (mut points, _) = play(of, Store::sqlite().await, None).await;
    assert!(points.len() >= 15, "{points:#?}");
    points.retain(|point, _| steps.iter().any(|step| point.contains(step)));
    for step in steps {
        assert!(points.keys().any(|point| point.contains(step)), "never at {step}");
    }
    for (point, times) in points {
        for nth in 1..=times.min(2) {
            let (_, ended) = play(of, Store::sqlite().await, Some((point.clone(), nth))).await;
            assert!(ended, "{point}:{nth} was not reached");
        }
    }
}

#[tokio::test]
async fn a_rollout_survives_an_end_at_every_point() {
    every_point(Play::Forward).await;
}

#[tokio::test]
async fn a_failing_rollout_survives_an_end_at_every_point() {
    every_point(Play::Breaker).await;
}

#[tokio::test]
async fn a_cancelled_rollout_survives_an_end_at_every_point() {
    every_point(Play::Cancelled).await;
}

#[tokio::test]
async fn a_way_back_to_an_inactive_revision_survives_an_end_at_every_point() {
    every_point_of(Play::Restored, &[".restore.", ".return.call."]).await;
}

#[tokio::test]
async fn an_end_around_every_call_is_survived_on_postgresql() {
    for point in [
        "register.call.after",
        "update.call.before",
        "update.call.after",
        "follow.journal.before",
    ] {
        let at = (format!("deployment.{point}"), 1);
        let (_, ended) = play(Play::Forward, Store::postgres().await, Some(at)).await;
        assert!(ended, "{point} was not reached");
    }
}
