//! The SDK clients against the simulated AWS, over the wire.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use server::aws::{Aws, AwsError, Purpose, Scope};
use sim::aws::{AlarmState, Fault};

use crate::support::cloud::{ACCOUNT, Cloud, OTHER, REGION};

fn scope(account: &str) -> Scope {
    Scope {
        account: account.to_owned(),
        region: REGION.to_owned(),
    }
}

/// An ECS of tomorrow: it keeps whole task definitions, also fields that the SDK of today does not know.
async fn ecs_of_tomorrow(definition: Value) -> (String, Arc<Mutex<Vec<Value>>>) {
    let registered = Arc::new(Mutex::new(Vec::new()));
    let book = registered.clone();
    let answer = move |headers: HeaderMap, body: String| {
        let target = headers
            .get("x-amz-target")
            .map(|target| target.to_str().unwrap_or_default().to_owned());
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let answer = match target.as_deref().and_then(|target| target.rsplit('.').next()) {
            Some("DescribeTaskDefinition") => {
                let mut shown = definition.clone();
                shown["taskDefinitionArn"] =
                    json!("arn:aws:ecs:eu-central-1:111122223333:task-definition/checkout:1");
                shown["revision"] = json!(1);
                shown["status"] = json!("ACTIVE");
                shown["registeredAt"] = json!(1_772_445_600.5);
                shown["registeredBy"] = json!("arn:aws:iam::111122223333:user/x");
                json!({ "taskDefinition": shown, "tags": [{ "key": "team", "value": "shop" }] })
            }
            Some("RegisterTaskDefinition") => {
                book.lock().unwrap().push(body.clone());
                json!({ "taskDefinition": { "taskDefinitionArn": "arn:new:2", "family": body["family"], "revision": 2 } })
            }
            _ => return Err(StatusCode::NOT_FOUND),
        };
        Ok((
            [("content-type", "application/x-amz-json-1.1")],
            answer.to_string(),
        ))
    };
    let router = axum::Router::new()
        .fallback(move |headers: HeaderMap, body: String| std::future::ready(answer(headers, body)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, registered)
}

#[tokio::test]
async fn a_task_definition_survives_reading_and_registering_with_fields_nobody_here_knows() {
    let definition = json!({
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
    let (address, registered) = ecs_of_tomorrow(definition.clone()).await;
    let mut cloud = Cloud::start().await;
    cloud.config.aws.endpoint_url = Some(address.parse().unwrap());
    let ecs = cloud
        .clients()
        .ecs(&scope(ACCOUNT), Purpose::Deploy)
        .await
        .unwrap();
    let read = ecs.task_definition("checkout:1").await.unwrap();
    assert_eq!(read.content.to_string(), definition.to_string());
    assert_eq!(read.tags["team"], "shop");
    assert_eq!(read.images(), [("web".to_owned(), "nginx:1".to_owned())]);

    let tags = [("yardmaster:deployment".to_owned(), "dep_1".to_owned())];
    assert_eq!(
        ecs.register_task_definition(&read.content, &tags).await.unwrap(),
        "arn:new:2"
    );
    let mut sent = registered.lock().unwrap().remove(0);
    let tags = sent.as_object_mut().unwrap().remove("tags").unwrap();
    assert_eq!(sent.to_string(), definition.to_string());
    assert_eq!(
        tags,
        json!([{ "key": "yardmaster:deployment", "value": "dep_1" }])
    );
    // What this endpoint does not offer is said to be so, and is no reason to give up.
    assert!(matches!(ecs.clusters().await, Err(AwsError::Unsupported(_))));
    assert_eq!(ecs.service_deployments("a", "b").await.unwrap(), []);
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

#[tokio::test]
async fn alarms_come_in_pages_and_by_prefix_and_too_many_at_once_are_refused() {
    use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Credentials, Region};
    use aws_sdk_cloudwatch::error::ProvideErrorMetadata as _;

    let cloud = Cloud::start().await;
    let wanted: Vec<String> = (0..7).map(|number| format!("checkout-{number}")).collect();
    for name in wanted.iter().map(String::as_str).chain(["catalog-errors"]) {
        cloud.aws.put_alarm(ACCOUNT, REGION, name, AlarmState::Ok);
    }
    let key = format!("AKIA{ACCOUNT}TEST");
    let client = aws_sdk_cloudwatch::Client::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(cloud.config.aws.endpoint_url.as_ref().unwrap().as_str())
            .credentials_provider(Credentials::new(key, "secret", None, None, "test"))
            .build(),
    );
    let asked = || client.describe_alarms().alarm_name_prefix("checkout-");
    let (mut found, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let page = asked().max_records(3).set_next_token(token).send().await.unwrap();
        assert!(page.metric_alarms().len() <= 3);
        let names = page.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name());
        found.extend(names.map(str::to_owned));
        pages += 1;
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (wanted, 3));
    for size in [0, 101] {
        let refused = asked().max_records(size).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("ValidationError"), "{size}: {refused:?}");
    }
    let refused = asked().next_token("nonsense").send().await.unwrap_err();
    assert!(
        refused.as_service_error().unwrap().is_invalid_next_token(),
        "{refused:?}"
    );
}
