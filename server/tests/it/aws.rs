//! The SDK clients against the simulated AWS, over the wire.

use serde_json::json;
use server::aws::{Aws, AwsError, Purpose, Scope};
use sim::aws::{AlarmState, Fault};

use crate::support::cloud::{ACCOUNT, Cloud, OTHER, REGION};

fn scope(account: &str) -> Scope {
    Scope {
        account: account.to_owned(),
        region: REGION.to_owned(),
    }
}

#[tokio::test]
async fn a_task_definition_survives_reading_and_registering_with_fields_nobody_here_knows() {
    let cloud = Cloud::start().await;
    let input = json!({
        "family": "checkout",
        "networkMode": "awsvpc",
        "pidMode": "task",
        "fieldOfTomorrow": { "deep": [1, 2.5, { "x": null }], "text": "ü \"quoted\"" },
        "containerDefinitions": [{
            "name": "web",
            "image": "nginx:1",
            "essential": true,
            "environment": [{ "name": "PASSWORD", "value": "hunter2" }],
            "optionOfTomorrow": "on",
        }],
    });
    cloud
        .aws
        .register_task_definition(ACCOUNT, REGION, input.clone())
        .unwrap();
    let ecs = cloud
        .clients()
        .ecs(&scope(ACCOUNT), Purpose::Deploy)
        .await
        .unwrap();
    let first = ecs.task_definition("checkout:1").await.unwrap();
    assert_eq!(first.content["fieldOfTomorrow"], input["fieldOfTomorrow"]);
    assert_eq!(first.content["containerDefinitions"][0]["optionOfTomorrow"], "on");
    assert!(first.content.get("registeredAt").is_none() && first.content.get("revision").is_none());

    let tags = [("yardmaster:deployment".to_owned(), "dep_1".to_owned())];
    let arn = ecs.register_task_definition(&first.content, &tags).await.unwrap();
    assert!(arn.ends_with("task-definition/checkout:2"), "{arn}");
    let second = ecs.task_definition(&arn).await.unwrap();
    assert_eq!(second.content.to_string(), first.content.to_string());
    assert_eq!(second.tags["yardmaster:deployment"], "dep_1");
    assert_eq!(second.images(), [("web".to_owned(), "nginx:1".to_owned())]);
}

#[tokio::test]
async fn reads_are_repeated_and_calls_that_change_something_never_are() {
    let cloud = Cloud::start().await;
    let definition = cloud.define(ACCOUNT, "checkout", &[("web", "nginx:1")]);
    cloud.run(ACCOUNT, "staging", "checkout", &definition, None);
    let ecs = cloud
        .clients()
        .ecs(&scope(ACCOUNT), Purpose::Deploy)
        .await
        .unwrap();

    cloud.aws.fault("ListClusters", Fault::Throttle, 2);
    assert_eq!(ecs.clusters().await.unwrap().len(), 1);
    cloud.aws.fault("ListClusters", Fault::Throttle, 9);
    assert!(matches!(ecs.clusters().await, Err(AwsError::Throttled(_))));

    for (fault, doubt) in [
        (Fault::Throttle, false),
        (Fault::AccessDenied, false),
        (Fault::Internal, true),
        (Fault::EffectThenTimeout, true),
    ] {
        cloud.aws.reset_calls();
        cloud.aws.fault("UpdateService", fault, 1);
        let refused = ecs
            .update_service("staging", "checkout", &definition)
            .await
            .unwrap_err();
        assert_eq!(refused.may_have_happened(), doubt, "{fault:?}: {refused}");
        assert_eq!(cloud.aws.calls()["UpdateService"], 1, "{fault:?} was repeated");
    }
    let denied = {
        cloud.aws.fault("RegisterTaskDefinition", Fault::AccessDenied, 1);
        let content = json!({ "family": "checkout", "containerDefinitions": [] });
        ecs.register_task_definition(&content, &[]).await.unwrap_err()
    };
    assert!(
        matches!(&denied, AwsError::Denied(text) if text.contains("ecs:RegisterTaskDefinition")),
        "{denied}"
    );
    let unknown = ecs.task_definition("nothing:7").await.unwrap_err();
    assert!(matches!(unknown, AwsError::NotFound(_)), "{unknown}");
}

#[tokio::test]
async fn a_role_is_assumed_once_with_its_external_id_and_credentials_of_another_account_are_refused() {
    let cloud = Cloud::start().await;
    let clients = cloud.clients();
    for _ in 0..3 {
        clients
            .ecs(&scope(OTHER), Purpose::Read)
            .await
            .unwrap()
            .clusters()
            .await
            .unwrap();
        clients
            .ecr(&scope(OTHER))
            .await
            .unwrap()
            .repositories()
            .await
            .unwrap();
    }
    assert_eq!(cloud.aws.calls()["AssumeRole"], 1);

    let mut config = cloud.config.clone();
    for account in &mut config.aws.accounts {
        account.read_role = None;
        account.deploy_role = Some(format!("arn:aws:iam::{ACCOUNT}:role/reader"));
    }
    let elsewhere = Cloud {
        aws: cloud.aws.clone(),
        config,
    }
    .clients();
    let refused = elsewhere
        .ecs(&scope(OTHER), Purpose::Read)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        refused.contains(ACCOUNT) && refused.contains("read_role"),
        "{refused}"
    );
    let refused = elsewhere
        .ecs(&scope(OTHER), Purpose::Deploy)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("deploy_role"), "{refused}");
}

#[tokio::test]
async fn alarms_are_read_over_cbor() {
    let cloud = Cloud::start().await;
    cloud
        .aws
        .put_alarm(ACCOUNT, REGION, "checkout-errors", AlarmState::Alarm);
    let alarms = cloud.clients().alarms(&scope(ACCOUNT)).await.unwrap();
    let names = ["checkout-errors".to_owned(), "nothing".to_owned()];
    let found = alarms.states(&names).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].name.as_str(), found[0].state.as_str()),
        ("checkout-errors", "ALARM")
    );
    cloud.aws.fault("DescribeAlarms", Fault::AccessDenied, 1);
    assert!(matches!(alarms.states(&names).await, Err(AwsError::Denied(_))));
}
