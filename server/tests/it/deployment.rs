//! Deployments over the SDK against the simulated ECS: every way they end, and what is true then.

mod mishap;

use app::account::Role;
use app::deployment::{DeploymentPort, DeploymentState as Word, FailureClass};
use app::error::ApiError;
use server::deployment::{self, RequestError};
use sim::aws::{AlarmState, Failure, Fault, Script, ServiceSpec};

use crate::support::cloud::{ACCOUNT, POLICY, REGION};
use crate::support::rollout::{Effects, Rollout, ada};
use crate::support::store::{Store, somebody};

const ONCE: Effects = Effects {
    registered: 1,
    updated: 1,
    stopped: 0,
};

async fn good(rollout: &Rollout) -> Vec<String> {
    deployment::known_good(&rollout.store.db, &rollout.slot.id)
        .await
        .unwrap()
        .into_iter()
        .map(|good| good.digest)
        .collect()
}

async fn refused(rollout: &Rollout, digest: &str) -> Option<String> {
    deployment::boarding_refusal(&rollout.store.db, &rollout.slot.id, digest)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_good_image_rolls_out_and_is_known_good_then() {
    for store in Store::each().await {
        let rollout = Rollout::new(store).await;
        let id = rollout.ask(&rollout.second).await.unwrap();
        let busy = rollout.ask(&rollout.second).await.unwrap_err();
        assert!(matches!(busy, RequestError::SlotBusy { deployment_id } if deployment_id == id));

        let view = rollout.rest(&id, 300).await;
        assert_eq!(view.state, Word::Succeeded, "{view:#?}");
        assert!(view.verdict.contains("SUCCESSFUL"), "{}", view.verdict);
        assert_eq!(rollout.effects(), ONCE);
        assert!(rollout.told().ends_with(&rollout.second));
        assert_eq!(good(&rollout).await.first(), Some(&rollout.second));
        assert!(
            view.steps.iter().all(|step| step.ok == Some(true)),
            "{:#?}",
            view.steps
        );
        assert!(
            view.events
                .iter()
                .any(|event| event.message.contains("steady state") || event.message.contains("completed"))
        );
        assert!(view.diagnosis.is_none() && view.cancel.is_none() && view.allow_again.is_none());
        let deployed: Option<String> = sqlx::query_scalar("SELECT deployed_digest FROM slot WHERE id = $1")
            .bind(&rollout.slot.id)
            .fetch_one(rollout.store.db.read())
            .await
            .unwrap();
        assert_eq!(deployed.as_ref(), Some(&rollout.second));
        // At rest is at rest.
        assert_eq!(rollout.engine.tick().await.unwrap().due, 0);
    }
}

#[tokio::test]
async fn the_page_says_when_ecs_was_last_read() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    assert_eq!(rollout.view(&id).await.read_at, None);
    rollout.until(&id, Word::Updating).await;
    rollout.cloud.pass(&rollout.store, 5);
    rollout.engine.tick().await.unwrap();
    let read = rollout.view(&id).await.read_at.unwrap();

    rollout.cloud.aws.fault("DescribeServices", Fault::Internal, 50);
    rollout.cloud.pass(&rollout.store, 10);
    rollout.engine.tick().await.unwrap();
    let view = rollout.view(&id).await;
    assert_eq!(
        view.read_at,
        Some(read),
        "what was not answered is not called read"
    );
    assert!(view.now - read >= 10_000);
}

/// Unmapped services are never deployed, also where they were mapped when the deployment was asked for.
#[tokio::test]
async fn a_service_that_was_unmapped_meanwhile_is_left_alone() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    let mut tx = rollout.store.db.begin().await.unwrap();
    sqlx::query("UPDATE ecs_service SET slot_id = NULL")
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let view = rollout.rest(&id, 60).await;
    assert_eq!(view.state, Word::FailedUnchanged, "{view:#?}");
    assert!(
        view.verdict.contains("not mapped to this slot any more"),
        "{}",
        view.verdict
    );
    assert_eq!(rollout.effects().updated, 0);
}

#[tokio::test]
async fn the_circuit_breaker_s_rollback_is_told_as_a_failure_with_its_cause() {
    for (failure, class) in [
        (Failure::CannotPull, FailureClass::ImagePull),
        (Failure::Exits { code: 3 }, FailureClass::ApplicationExit),
        (Failure::OutOfMemory, FailureClass::Resources),
        (Failure::SecretMissing, FailureClass::Configuration),
        (Failure::HealthCheck, FailureClass::HealthCheck),
    ] {
        let mut rollout = Rollout::new(Store::sqlite().await).await;
        rollout.cloud.aws.script_image(&rollout.second, failure);
        let id = rollout.ask(&rollout.second).await.unwrap();
        let view = rollout.rest(&id, 1500).await;
        assert_eq!(view.state, Word::RolledBack, "{failure:?}: {view:#?}");
        let diagnosis = view.diagnosis.clone().expect("a diagnosis");
        assert_eq!(diagnosis.class, class, "{failure:?}: {diagnosis:#?}");
        assert!(!diagnosis.runbook.is_empty() && diagnosis.evidence.is_some());
        assert!(!view.tasks.is_empty(), "stopped tasks are kept");
        assert_eq!(rollout.effects(), ONCE, "{failure:?}");
        assert!(rollout.told().ends_with(&rollout.first));
        assert!(refused(&rollout, &rollout.second).await.is_some());
        assert!(!good(&rollout).await.contains(&rollout.second));
        // What was kept is there after AWS has forgotten.
        rollout.cloud.pass(&rollout.store, 7200);
        assert_eq!(rollout.view(&id).await.tasks, view.tasks);

        rollout
            .engine
            .allow_again(&ada(), &id, "the bucket is there now")
            .await
            .unwrap();
        assert_eq!(refused(&rollout, &rollout.second).await, None);
        rollout.cloud.aws.heal_image(&rollout.second);
        rollout.sync().await;
        let again = rollout.ask(&rollout.second).await.unwrap();
        assert_eq!(rollout.rest(&again, 300).await.state, Word::Succeeded);
    }
}

#[tokio::test]
async fn what_never_ends_is_ended_by_our_own_deadline_and_undone() {
    let policy = POLICY.replacen(
        "sources = [\"main\"]",
        "sources = [\"main\"]\ndeadline_seconds = 300",
        1,
    );
    for (failure, breaker) in [
        (Failure::Stuck, true),
        (Failure::NoCapacity, true),
        (Failure::Exits { code: 1 }, false),
    ] {
        let spec = ServiceSpec {
            breaker,
            rollback: breaker,
            ..ServiceSpec::default()
        };
        let rollout = Rollout::with(Store::sqlite().await, &policy, spec).await;
        rollout.cloud.aws.script_image(&rollout.second, failure);
        let id = rollout.ask(&rollout.second).await.unwrap();
        let view = rollout.rest(&id, 900).await;
        assert_eq!(view.state, Word::RolledBack, "{failure:?}: {view:#?}");
        assert!(
            view.verdict.contains("until the deadline") || view.verdict.contains("runs"),
            "{}",
            view.verdict
        );
        let effects = rollout.effects();
        assert_eq!(
            (effects.registered, effects.updated + effects.stopped),
            (1, 2),
            "{effects:?}"
        );
        assert!(rollout.told().ends_with(&rollout.first));
        assert!(refused(&rollout, &rollout.second).await.is_some());
    }
}

#[tokio::test]
async fn an_alarm_while_it_is_watched_puts_the_slot_back() {
    let policy = POLICY.replacen(
        "sources = [\"main\"]",
        "sources = [\"main\"]\nbake_seconds = 120",
        1,
    );
    let rollout = Rollout::with(Store::sqlite().await, &policy, ServiceSpec::default()).await;
    let alarm = |state| {
        rollout
            .cloud
            .aws
            .put_alarm(ACCOUNT, REGION, "checkout-errors", state)
    };
    alarm(AlarmState::Ok);
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.until(&id, Word::Baking).await;
    alarm(AlarmState::Alarm);
    let view = rollout.rest(&id, 600).await;
    assert_eq!(view.state, Word::RolledBack, "{view:#?}");
    assert!(
        view.verdict.contains("runs") && view.diagnosis.is_some(),
        "{view:#?}"
    );
    assert!(rollout.told().ends_with(&rollout.first));

    // An alarm that fired before says nothing about the image that comes.
    let mut rollout = rollout;
    rollout.sync().await;
    let mut tx = rollout.store.db.begin().await.unwrap();
    sqlx::query("DELETE FROM boarding_refusal")
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let id = rollout.ask(&rollout.second).await.unwrap();
    let view = rollout.rest(&id, 600).await;
    assert_eq!(view.state, Word::Succeeded, "{view:#?}");
}

#[tokio::test]
async fn what_runs_already_is_not_deployed_again() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    let id = rollout.ask(&rollout.first).await.unwrap();
    let view = rollout.rest(&id, 60).await;
    assert_eq!(view.state, Word::Succeeded, "{view:#?}");
    assert_eq!(
        rollout.effects(),
        Effects {
            registered: 0,
            updated: 0,
            stopped: 0
        }
    );
}

#[tokio::test]
async fn a_lost_answer_is_read_back_and_never_repeated() {
    for operation in ["RegisterTaskDefinition", "UpdateService"] {
        for store in Store::each().await {
            let rollout = Rollout::new(store).await;
            rollout.cloud.aws.fault(operation, Fault::EffectThenTimeout, 1);
            let id = rollout.ask(&rollout.second).await.unwrap();
            let view = rollout.rest(&id, 300).await;
            assert_eq!(view.state, Word::Succeeded, "{operation}: {view:#?}");
            assert_eq!(rollout.effects(), ONCE, "{operation}");
        }
    }
}

#[tokio::test]
async fn throttling_and_faults_of_aws_pass() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    for operation in ["RegisterTaskDefinition", "UpdateService", "DescribeServices"] {
        rollout.cloud.aws.fault(operation, Fault::Throttle, 2);
        rollout.cloud.aws.fault(operation, Fault::Internal, 1);
    }
    let id = rollout.ask(&rollout.second).await.unwrap();
    let view = rollout.rest(&id, 400).await;
    assert_eq!(view.state, Word::Succeeded, "{view:#?}");
    assert_eq!(rollout.effects(), ONCE);
}

#[tokio::test]
async fn a_refusal_before_anything_changed_leaves_everything_as_it_was() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    rollout.cloud.aws.fault("UpdateService", Fault::AccessDenied, 1);
    let id = rollout.ask(&rollout.second).await.unwrap();
    let view = rollout.rest(&id, 60).await;
    assert_eq!(view.state, Word::FailedUnchanged, "{view:#?}");
    assert!(view.verdict.contains("not authorized"), "{}", view.verdict);
    assert!(rollout.told().ends_with(&rollout.first));
}

#[tokio::test]
async fn an_image_that_is_gone_or_another_base_stops_it_before_ecs_is_told() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    rollout
        .cloud
        .aws
        .delete_image(ACCOUNT, REGION, "acme/checkout", &rollout.second);
    let id = rollout.ask(&rollout.second).await.unwrap();
    let view = rollout.rest(&id, 60).await;
    assert_eq!(view.state, Word::FailedUnchanged);
    assert!(view.verdict.contains("not in ECR"), "{}", view.verdict);
    assert_eq!(
        view.diagnosis.map(|found| found.class),
        Some(FailureClass::ImagePull)
    );

    let rollout = Rollout::new(Store::sqlite().await).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    somebody_else_deploys(&rollout);
    let view = rollout.rest(&id, 60).await;
    assert_eq!(view.state, Word::FailedUnchanged);
    assert!(view.verdict.contains("Seal it again"), "{}", view.verdict);
    assert_eq!(rollout.effects().registered, 0);
    assert_eq!(
        refused(&rollout, &rollout.second).await,
        None,
        "the image did nothing wrong"
    );
}

/// Registers a task definition of its own and points the service at it.
fn somebody_else_deploys(rollout: &Rollout) {
    let other = rollout.cloud.push("acme/checkout", "by-hand", Some("99cc"));
    let definition = rollout.cloud.define(
        ACCOUNT,
        "checkout",
        &[("web", &crate::support::cloud::image("acme/checkout", &other))],
    );
    let asked =
        serde_json::json!({ "cluster": "staging", "service": "checkout", "taskDefinition": definition });
    rollout
        .cloud
        .aws
        .ecs(ACCOUNT, REGION, "UpdateService", asked)
        .unwrap();
}

#[tokio::test]
async fn a_foreign_deployment_over_ours_needs_a_human_and_keeps_the_slot() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    rollout.cloud.aws.script_image(&rollout.second, Failure::Stuck);
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.until(&id, Word::Updating).await;
    rollout.cloud.pass(&rollout.store, 5);
    rollout.engine.tick().await.unwrap();
    somebody_else_deploys(&rollout);
    let view = rollout.rest(&id, 300).await;
    assert_eq!(view.state, Word::NeedsHuman, "{view:#?}");
    assert!(
        view.verdict.contains("Somebody else deployed"),
        "{}",
        view.verdict
    );
    assert!(matches!(
        rollout.ask(&rollout.second).await,
        Err(RequestError::SlotBusy { .. })
    ));
    let refusal = rollout.engine.resolve(&ada(), &id, "  ").await.unwrap_err();
    assert!(matches!(refusal, ApiError::Invalid(_)));
    rollout
        .engine
        .resolve(&ada(), &id, "that was me, testing")
        .await
        .unwrap();
    assert!(rollout.ask(&rollout.second).await.is_ok());
    assert!(matches!(
        rollout.engine.resolve(&ada(), &id, "again").await,
        Err(ApiError::Conflict(_))
    ));
}

#[tokio::test]
async fn a_person_cancels_and_the_slot_is_put_back() {
    let rollout = Rollout::new(Store::sqlite().await).await;
    rollout.cloud.aws.script_image(&rollout.second, Failure::Stuck);
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.until(&id, Word::Updating).await;
    let viewer = somebody("vic", Role::Viewer);
    assert!(matches!(
        rollout.engine.cancel(&viewer, &id, "no").await,
        Err(ApiError::Forbidden(_))
    ));
    let choice = rollout
        .engine
        .deployment(&viewer, &id)
        .await
        .unwrap()
        .cancel
        .unwrap();
    assert!(choice.why_not.is_some());
    rollout.engine.cancel(&ada(), &id, "wrong day").await.unwrap();
    assert!(matches!(
        rollout.engine.cancel(&ada(), &id, "wrong day").await,
        Err(ApiError::Conflict(_))
    ));
    let view = rollout.rest(&id, 600).await;
    assert_eq!(view.state, Word::RolledBack, "{view:#?}");
    assert!(rollout.told().ends_with(&rollout.first));
    assert_eq!(rollout.effects().stopped, 1);

    // Before ECS is told, there is nothing to put back.
    let rollout = Rollout::new(Store::sqlite().await).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    rollout.engine.cancel(&ada(), &id, "wrong day").await.unwrap();
    let view = rollout.rest(&id, 60).await;
    assert_eq!(view.state, Word::FailedUnchanged);
    assert_eq!(rollout.effects().updated, 0);
}

#[tokio::test]
async fn a_person_rolls_back_to_the_adopted_baseline() {
    for store in Store::each().await {
        let mut rollout = Rollout::new(store).await;
        let id = rollout.ask(&rollout.second).await.unwrap();
        assert_eq!(rollout.rest(&id, 300).await.state, Word::Succeeded);
        rollout.sync().await;
        let plan = rollout
            .engine
            .rollback_plan(&ada(), "checkout", "staging")
            .await
            .unwrap();
        assert_eq!(plan.why_not, None);
        let digests: Vec<_> = plan
            .targets
            .iter()
            .map(|target| {
                (
                    target.image.digest.clone(),
                    target.verified,
                    target.why_not.is_some(),
                )
            })
            .collect();
        assert_eq!(
            digests,
            [
                (rollout.second.clone(), true, true),
                (rollout.first.clone(), false, false)
            ]
        );
        let ada = ada();
        let back = |reason| {
            rollout
                .engine
                .roll_back(&ada, "checkout", "staging", &rollout.first, reason)
        };
        assert!(matches!(back(" ").await, Err(ApiError::Invalid(_))));
        assert!(matches!(
            rollout
                .engine
                .roll_back(
                    &somebody("jun", Role::Junior),
                    "checkout",
                    "staging",
                    &rollout.first,
                    "x"
                )
                .await,
            Err(ApiError::Forbidden(_))
        ));
        let id = back("errors at the till").await.unwrap();
        assert_eq!(back("again").await.unwrap(), id, "asked twice, it is one");
        let busy = rollout
            .engine
            .roll_back(&ada, "checkout", "staging", &rollout.second, "no")
            .await;
        assert!(busy.is_err());
        let view = rollout.rest(&id, 300).await;
        assert_eq!(view.state, Word::Succeeded, "{view:#?}");
        assert!(rollout.told().ends_with(&rollout.first));
        // The revision that ran then still is ACTIVE, so none is registered.
        let effects = rollout.effects();
        assert_eq!((effects.registered, effects.updated), (1, 2));
        assert!(refused(&rollout, &rollout.second).await.is_some());
        assert_eq!(good(&rollout).await, [rollout.first.clone()]);
        rollout
            .engine
            .allow_again(&ada, &id, "it was the till")
            .await
            .unwrap();
        assert!(good(&rollout).await.contains(&rollout.second));
    }
}

#[tokio::test]
async fn a_rollback_whose_revision_is_inactive_registers_its_content_again() {
    let mut rollout = Rollout::new(Store::sqlite().await).await;
    let id = rollout.ask(&rollout.second).await.unwrap();
    assert_eq!(rollout.rest(&id, 300).await.state, Word::Succeeded);
    rollout.sync().await;
    let asked = serde_json::json!({ "taskDefinition": "checkout:1" });
    rollout
        .cloud
        .aws
        .ecs(ACCOUNT, REGION, "DeregisterTaskDefinition", asked)
        .unwrap();
    let id = rollout
        .engine
        .roll_back(&ada(), "checkout", "staging", &rollout.first, "errors")
        .await
        .unwrap();
    let view = rollout.rest(&id, 300).await;
    assert_eq!(view.state, Word::Succeeded, "{view:#?}");
    assert_eq!(rollout.effects().registered, 2);
    assert!(rollout.told().ends_with(&rollout.first));
}

#[tokio::test]
async fn sixteen_replicas_race_and_one_deploys() {
    for store in Store::each().await {
        let rollout = Rollout::new(store).await;
        let id = rollout.ask(&rollout.second).await.unwrap();
        let replicas: Vec<_> = (0..16)
            .map(|number| rollout.replica(&format!("replica-{number}")))
            .collect();
        for _ in 0..300 {
            let mut racing = tokio::task::JoinSet::new();
            for replica in replicas.clone() {
                racing.spawn(async move { replica.tick().await.unwrap() });
            }
            while let Some(done) = racing.join_next().await {
                assert_eq!(done.unwrap().problems, Vec::<String>::new());
            }
            if rollout.view(&id).await.state.at_rest() {
                break;
            }
            rollout.cloud.pass(&rollout.store, 2);
        }
        let view = rollout.view(&id).await;
        assert_eq!(view.state, Word::Succeeded, "{view:#?}");
        assert_eq!(rollout.effects(), ONCE);
    }
}

#[tokio::test]
async fn a_scripted_service_fails_once_and_its_way_back_succeeds() {
    let spec = ServiceSpec {
        rollback: false,
        ..ServiceSpec::default()
    };
    let rollout = Rollout::with(Store::sqlite().await, POLICY, spec).await;
    rollout
        .cloud
        .aws
        .script(
            ACCOUNT,
            "staging",
            "checkout",
            Script::FailNext(Failure::Exits { code: 1 }, 1),
        )
        .unwrap();
    let id = rollout.ask(&rollout.second).await.unwrap();
    let view = rollout.rest(&id, 900).await;
    assert_eq!(view.state, Word::RolledBack, "{view:#?}");
    assert_eq!(
        rollout.effects(),
        Effects {
            registered: 1,
            updated: 2,
            stopped: 0
        }
    );
    assert!(rollout.told().ends_with(&rollout.first));
}

#[tokio::test]
async fn where_the_way_back_fails_too_a_person_is_called() {
    let spec = ServiceSpec {
        rollback: false,
        ..ServiceSpec::default()
    };
    let rollout = Rollout::with(Store::sqlite().await, POLICY, spec).await;
    rollout
        .cloud
        .aws
        .script(
            ACCOUNT,
            "staging",
            "checkout",
            Script::Fail(Failure::Exits { code: 1 }),
        )
        .unwrap();
    let id = rollout.ask(&rollout.second).await.unwrap();
    let view = rollout.rest(&id, 2400).await;
    assert_eq!(view.state, Word::NeedsHuman, "{view:#?}");
    assert!(
        view.verdict.contains("does not come up again"),
        "{}",
        view.verdict
    );
    assert!(view.resolve.is_some());
}
