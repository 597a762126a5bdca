//! How deployments go: well, badly, back, and nowhere.

use super::*;
use crate::aws::{AlarmState, Failure, Fault, Script};
use crate::ledger::Entry;

fn id(service: &Value) -> String {
    text(&service["deployments"][0]["id"])
}

#[test]
fn a_good_release_rolls_out() {
    let world = world();
    let before = world.service();
    assert_eq!(before["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(before["runningCount"], 2);

    let after = world.update("shop:2");
    let deployment = &after["deployments"][0];
    assert_ne!(id(&before), id(&after));
    assert_eq!(deployment["status"], "PRIMARY");
    assert_eq!(
        deployment["desiredCount"], 0,
        "a new deployment wants nothing at first"
    );
    assert_eq!(after["deployments"][1]["status"], "ACTIVE");
    let record = world.deployment();
    assert_eq!(
        after["currentServiceDeployment"], before["currentServiceDeployment"],
        "out of date at first"
    );
    let number = id(&after).replace("ecs-svc/", "");
    assert!(
        text(&record["targetServiceRevision"]["arn"]).ends_with(&number),
        "both views share the number"
    );

    assert_eq!(world.statuses(150), ["PENDING", "IN_PROGRESS", "SUCCESSFUL"]);
    let done = world.service();
    assert_eq!(done["deployments"].as_array().map(Vec::len), Some(1));
    assert_eq!(done["currentServiceDeployment"], record["serviceDeploymentArn"]);
    assert_eq!(done["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(done["runningCount"], 2);
    assert!(text(&done["taskDefinition"]).ends_with("task-definition/shop:2"));
    let revision = world.call(
        "DescribeServiceRevisions",
        json!({ "serviceRevisionArns": [record["targetServiceRevision"]["arn"]] }),
    );
    assert_eq!(
        revision["serviceRevisions"][0]["containerImages"][0]["imageDigest"],
        world.digests[1]
    );
    assert_eq!(world.events()[0], "(service shop) has reached a steady state.");
    let retired = world.stopped_tasks();
    assert_eq!(retired.len(), 2);
    assert_eq!(retired[0]["stopCode"], "ServiceSchedulerInitiated");
}

#[test]
fn old_tasks_run_until_new_ones_are_healthy() {
    let world = world();
    world.update("shop:2");
    for _ in 0..150 {
        world.wait(1);
        assert!(
            world.service()["runningCount"].as_u64() >= Some(2),
            "never fewer than desired"
        );
    }
    assert_eq!(world.status(), "SUCCESSFUL");
}

#[test]
fn the_result_does_not_depend_on_how_often_one_looks() {
    let (seldom, often) = (world(), world());
    for world in [&seldom, &often] {
        world
            .aws
            .script_image(&world.digests[1], Failure::Exits { code: 3 });
        world.update("shop:2");
    }
    often.statuses(600);
    seldom.wait(600);
    assert_eq!(seldom.deployment(), often.deployment());
    assert_eq!(seldom.service(), often.service());
}

#[test]
fn the_breaker_rolls_back() {
    let world = world();
    let old = id(&world.service());
    world
        .aws
        .script_image(&world.digests[1], Failure::Exits { code: 3 });
    world.update("shop:2");
    assert_eq!(
        world.statuses(300),
        [
            "PENDING",
            "IN_PROGRESS",
            "ROLLBACK_IN_PROGRESS",
            "ROLLBACK_SUCCESSFUL"
        ]
    );
    let service = world.service();
    assert_eq!(id(&service), old, "the old deployment is primary again");
    assert!(text(&service["taskDefinition"]).ends_with("shop:1"));
    let record = world.deployment();
    assert_eq!(record["deploymentCircuitBreaker"]["status"], "TRIGGERED");
    assert!(text(&record["rollback"]["reason"]).contains("circuit breaker"));
    let failed = world.stopped_tasks();
    let crashed = failed
        .iter()
        .find(|task| task["stopCode"] == "EssentialContainerExited")
        .expect("a crashed task");
    assert_eq!(crashed["stoppedReason"], "Essential container in task exited");
    assert_eq!(crashed["containers"][0]["exitCode"], 3);
    assert!(
        world
            .events()
            .contains(&format!("(service shop) rolling back to deployment {old}."))
    );
    world.wait(3_700);
    assert_eq!(
        world.stopped_tasks(),
        Vec::<Value>::new(),
        "stopped tasks are forgotten after an hour"
    );
}

#[test]
fn a_missing_image_cannot_be_pulled() {
    let world = world();
    world.register("no-such-tag");
    world.update("shop:3");
    world.wait(300);
    assert_eq!(world.status(), "ROLLBACK_SUCCESSFUL");
    let reasons: Vec<String> = world
        .stopped_tasks()
        .iter()
        .map(|task| text(&task["stoppedReason"]))
        .collect();
    assert!(reasons.iter().any(|reason| {
        reason.starts_with("CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref 111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop:no-such-tag: not found")
    }), "{reasons:?}");
    assert!(
        world
            .events()
            .iter()
            .any(|event| event.contains("was unable to place a task. Reason: CannotPull"))
    );
}

#[test]
fn without_rollback_a_failed_deployment_stops_and_the_old_tasks_go_on() {
    let world = world_with(ServiceSpec {
        rollback: false,
        ..ServiceSpec::default()
    });
    world.aws.script_image(&world.digests[1], Failure::HealthCheck);
    world.update("shop:2");
    assert_eq!(
        world.statuses(300),
        ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "STOPPED"]
    );
    let service = world.service();
    assert_eq!(service["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(
        service["deployments"][0]["rolloutStateReason"],
        "ECS deployment circuit breaker: tasks failed to start."
    );
    assert_eq!(service["deployments"][1]["runningCount"], 2);
    let healed = world.update("shop:1");
    assert_eq!(healed["deployments"][0]["status"], "PRIMARY");
    world.wait(200);
    assert_eq!(world.status(), "SUCCESSFUL");
    assert_eq!(world.service()["deployments"].as_array().map(Vec::len), Some(1));
}

#[test]
fn without_a_breaker_a_crashing_release_never_ends() {
    let world = world_with(ServiceSpec {
        breaker: false,
        rollback: false,
        ..ServiceSpec::default()
    });
    world.aws.script_image(&world.digests[1], Failure::OutOfMemory);
    world.update("shop:2");
    world.wait(86_400);
    assert_eq!(world.status(), "IN_PROGRESS");
    let service = world.service();
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert!(service["deployments"][0]["failedTasks"].as_u64() > Some(20));
    assert_eq!(
        service["events"].as_array().map(Vec::len),
        Some(100),
        "only the last events are kept"
    );
    let stopped = world.stopped_tasks();
    assert_eq!(stopped[0]["containers"][0]["exitCode"], 137);
    assert!(text(&stopped[0]["containers"][0]["reason"]).starts_with("OutOfMemoryError"));
}

#[test]
fn a_stuck_deployment_can_be_stopped_and_goes_back() {
    for failure in [Failure::Stuck, Failure::NoCapacity] {
        let world = world();
        world
            .aws
            .script(ACCOUNT, CLUSTER, "shop", Script::FailNext(failure, 1))
            .expect("the service");
        world.update("shop:2");
        world.wait(7_200);
        assert_eq!(world.status(), "IN_PROGRESS");
        let arn = world.deployment()["serviceDeploymentArn"].clone();
        world.call(
            "StopServiceDeployment",
            json!({ "serviceDeploymentArn": arn, "stopType": "ROLLBACK" }),
        );
        assert_eq!(
            world.statuses(200),
            [
                "ROLLBACK_REQUESTED",
                "ROLLBACK_IN_PROGRESS",
                "ROLLBACK_SUCCESSFUL"
            ]
        );
        assert!(text(&world.service()["taskDefinition"]).ends_with("shop:1"));
        let (code, _) = world.refused("StopServiceDeployment", json!({ "serviceDeploymentArn": arn }));
        assert_eq!(code, "ConflictException");
        world.update("shop:2");
        world.wait(200);
        assert_eq!(world.status(), "SUCCESSFUL", "the script was for one deployment");
    }
}

#[test]
fn a_rollback_that_fails_too_says_so() {
    let world = world();
    world.update("shop:2");
    world.wait(60);
    world.aws.script_image(&world.digests[0], Failure::SecretMissing);
    world.aws.script_image(&world.digests[1], Failure::SecretMissing);
    // Its own old tasks still run, so the first rollback needs no new ones; the next one does.
    world.wait(300);
    assert_eq!(world.status(), "SUCCESSFUL");
    world.call(
        "UpdateService",
        json!({ "cluster": CLUSTER, "service": "shop", "desiredCount": 8 }),
    );
    world.update("shop:1");
    world.wait(900);
    assert_eq!(world.status(), "ROLLBACK_FAILED");
    assert_eq!(world.service()["deployments"][0]["rolloutState"], "FAILED");
}

#[test]
fn a_second_update_supersedes_the_first() {
    let world = world();
    world.update("shop:2");
    let first = world.deployment()["serviceDeploymentArn"].clone();
    world.wait(25);
    world.register("1.0.0");
    world.update("shop:3");
    world.wait(300);
    assert_eq!(world.status(), "SUCCESSFUL");
    let superseded = world.call(
        "DescribeServiceDeployments",
        json!({ "serviceDeploymentArns": [first] }),
    );
    assert_eq!(superseded["serviceDeployments"][0]["status"], "STOPPED");
    assert!(text(&world.service()["taskDefinition"]).ends_with("shop:3"));
}

#[test]
fn the_same_task_definition_again_deploys_nothing_unless_forced() {
    let world = world();
    let before = id(&world.service());
    assert_eq!(id(&world.update("shop:1")), before);
    let forced = json!({ "cluster": CLUSTER, "service": "shop", "forceNewDeployment": true });
    assert_ne!(id(&world.call("UpdateService", forced)["service"]), before);
    let entries = world.aws.ledger().entries();
    assert_eq!(entries[0].detail["newDeployment"], false);
    assert_eq!(entries[1].detail["newDeployment"], true);
}

#[test]
fn an_alarm_during_a_deployment_rolls_it_back() {
    let world = world_with(ServiceSpec {
        alarms: vec!["shop-5xx".into()],
        ..ServiceSpec::default()
    });
    world.aws.put_alarm(ACCOUNT, REGION, "shop-5xx", AlarmState::Ok);
    world.update("shop:2");
    world.wait(30);
    world
        .aws
        .put_alarm(ACCOUNT, REGION, "shop-5xx", AlarmState::Alarm);
    assert_eq!(
        world.statuses(200),
        ["ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL"]
    );
    assert_eq!(
        world.deployment()["alarms"]["triggeredAlarmNames"],
        json!(["shop-5xx"])
    );

    // One that rings when the deployment starts is ignored for all of it.
    world.update("shop:2");
    world.wait(300);
    assert_eq!(world.status(), "SUCCESSFUL");
}

#[test]
fn scaling_is_not_a_deployment() {
    let world = world();
    let before = id(&world.service());
    world.call(
        "UpdateService",
        json!({ "cluster": CLUSTER, "service": "shop", "desiredCount": 5 }),
    );
    world.wait(200);
    assert_eq!(world.service()["runningCount"], 5);
    world.call(
        "UpdateService",
        json!({ "cluster": CLUSTER, "service": "shop", "desiredCount": 1 }),
    );
    world.wait(200);
    let service = world.service();
    assert_eq!(
        (service["runningCount"].clone(), id(&service)),
        (json!(1), before)
    );
}

#[test]
fn an_effect_whose_answer_is_lost_is_in_the_ledger() {
    let world = world();
    world.aws.fault("UpdateService", Fault::EffectThenTimeout, 1);
    let asked = json!({ "cluster": CLUSTER, "service": "shop", "taskDefinition": "shop:2" });
    world.refused("UpdateService", asked);
    assert_eq!(
        world.service()["deployments"].as_array().map(Vec::len),
        Some(2),
        "it took effect"
    );
    let ledger = world.aws.ledger();
    assert_eq!(ledger.count("UpdateService", Entry::took_effect), 1);
    let entry = &ledger.entries()[0];
    assert_eq!(entry.outcome, "ok, answer lost");
    assert_eq!(entry.cluster.as_deref(), Some(CLUSTER));
    assert_eq!(entry.resource.as_deref(), Some("shop"));

    world.aws.fault("UpdateService", Fault::Throttle, 1);
    let asked = json!({ "cluster": CLUSTER, "service": "shop", "taskDefinition": "shop:1" });
    assert_eq!(world.refused("UpdateService", asked).0, "ThrottlingException");
    assert_eq!(ledger.count("UpdateService", Entry::took_effect), 1);
}

#[tokio::test]
async fn on_a_running_clock_a_rollout_is_as_much_faster() {
    let clock = crate::clock::SimClock::running(2_000);
    let world = world_on(clock.clone(), ServiceSpec::default());
    world
        .aws
        .script_image(&world.digests[1], Failure::Exits { code: 1 });
    world.update("shop:2");
    while world.status() != "ROLLBACK_SUCCESSFUL" {
        clock.changed().await;
    }
    world.register("1.0.0");
    world.update("shop:3");
    while world.status() != "SUCCESSFUL" {
        clock.changed().await;
    }
}
