//! The same through HTTP: targets, forms, CBOR, signatures, lost connections.

use super::*;
use crate::aws::{AlarmState, Fault};
use ciborium::Value as Cbor;
use reqwest::{Client, Response, StatusCode};

struct Wire {
    world: World,
    address: String,
    client: Client,
}

async fn wire() -> Wire {
    let world = world();
    let app = world
        .aws
        .clone()
        .router()
        .merge(crate::aws::control::router(world.aws.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Wire {
        world,
        address,
        client: Client::new(),
    }
}

fn signed(key: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260301/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

impl Wire {
    async fn json(&self, target: &str, key: &str, body: Value) -> reqwest::Result<Response> {
        self.client
            .post(&self.address)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", signed(key, "ecs"))
            .body(body.to_string())
            .send()
            .await
    }

    async fn ecs(&self, operation: &str, body: Value) -> reqwest::Result<Response> {
        self.json(
            &format!("AmazonEC2ContainerServiceV20141113.{operation}"),
            "AKIAEXAMPLE",
            body,
        )
        .await
    }

    async fn ecr(&self, operation: &str, body: Value) -> Value {
        let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
        let response = self.json(&target, "AKIAEXAMPLE", body).await.expect("an answer");
        serde_json::from_str(&response.text().await.expect("a body")).expect("JSON")
    }

    async fn sts(&self, key: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
        let request = self
            .client
            .post(&self.address)
            .header("authorization", signed(key, "sts"))
            .form(form);
        let response = request.send().await.expect("an answer");
        (response.status(), response.text().await.expect("a body"))
    }
}

#[tokio::test]
async fn ecs_speaks_json() {
    let wire = wire().await;
    let response = wire.ecs("ListClusters", json!({})).await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    let body: Value = serde_json::from_str(&response.text().await.expect("a body")).expect("JSON");
    assert_eq!(
        body["clusterArns"][0],
        format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}")
    );
    let response = wire
        .ecs("ListServices", json!({ "cluster": "nowhere" }))
        .await
        .expect("an answer");
    assert_eq!(response.status(), 400);
    let body: Value = serde_json::from_str(&response.text().await.expect("a body")).expect("JSON");
    assert_eq!(body["__type"], "ClusterNotFoundException");
    assert_eq!(wire.world.aws.calls()["ListServices"], 1);
}

#[tokio::test]
async fn nonsense_is_answered_with_an_error() {
    let wire = wire().await;
    let key = signed("AKIAEXAMPLE", "ecs");
    let target = "AmazonEC2ContainerServiceV20141113.DescribeServices";
    for (target, authorization, body, code) in [
        (target, Some(&key), "{", "SerializationException"),
        (target, Some(&key), "[]", "ClusterNotFoundException"),
        (
            target,
            Some(&key),
            r#"{"cluster":7,"services":{"a":[]}}"#,
            "ClusterNotFoundException",
        ),
        (
            target,
            Some(&key),
            r#"{"cluster":"production","services":[1,null]}"#,
            "InvalidParameterException",
        ),
        (target, None, "{}", "MissingAuthenticationTokenException"),
        ("Nobody.Knows", Some(&key), "{}", "UnknownOperationException"),
        ("nonsense", Some(&key), "{}", "UnknownOperationException"),
    ] {
        let mut request = wire
            .client
            .post(&wire.address)
            .header("x-amz-target", target)
            .body(body);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = request
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("a body");
        assert!(answer.contains(code), "{target} {body}: {answer}");
    }
    let foreign = wire
        .json(target, "ASIA999999999999ABCD", json!({}))
        .await
        .expect("an answer");
    assert!(
        foreign
            .text()
            .await
            .expect("a body")
            .contains("UnrecognizedClientException")
    );
    let (status, body) = wire.sts("AKIAEXAMPLE", &[("Version", "2011-06-15")]).await;
    assert!(status == 400 && body.contains("MissingAction"), "{body}");
}

#[tokio::test]
async fn images_come_in_pages_with_their_manifests_and_labels() {
    let wire = wire().await;
    for number in 0..7 {
        let image = ImageSpec {
            tags: vec![format!("extra-{number}")],
            ..ImageSpec::default()
        };
        wire.world.aws.push_image(ACCOUNT, REGION, "shop", image);
    }
    let first = wire
        .ecr(
            "DescribeImages",
            json!({ "repositoryName": "shop", "maxResults": 6 }),
        )
        .await;
    assert_eq!(first["imageDetails"].as_array().map(Vec::len), Some(6));
    let asked = json!({ "repositoryName": "shop", "maxResults": 6, "nextToken": first["nextToken"] });
    let rest = wire.ecr("DescribeImages", asked).await;
    assert_eq!(rest["imageDetails"].as_array().map(Vec::len), Some(3));
    let id = json!({ "imageDigest": wire.world.digests[1] });
    let got = wire
        .ecr(
            "BatchGetImage",
            json!({ "repositoryName": "shop", "imageIds": [id] }),
        )
        .await;
    let manifest: Value =
        serde_json::from_str(&text(&got["images"][0]["imageManifest"])).expect("a manifest");
    assert_eq!(
        manifest["annotations"]["org.opencontainers.image.revision"],
        "commit-of-1.1.0"
    );
    let layer = json!({ "repositoryName": "shop", "layerDigest": manifest["config"]["digest"] });
    let url = text(&wire.ecr("GetDownloadUrlForLayer", layer).await["downloadUrl"]);
    let config: Value = serde_json::from_str(
        &wire
            .client
            .get(url)
            .send()
            .await
            .expect("a blob")
            .text()
            .await
            .expect("its text"),
    )
    .expect("a configuration");
    assert_eq!(
        config["config"]["Labels"]["org.opencontainers.image.revision"],
        "commit-of-1.1.0"
    );

    wire.world
        .aws
        .archive_image(ACCOUNT, REGION, "shop", &wire.world.digests[1], true);
    let ids = json!({ "repositoryName": "shop" });
    assert_eq!(
        wire.ecr("DescribeImages", ids).await["imageDetails"]
            .as_array()
            .map(Vec::len),
        Some(8)
    );
    let gone = json!({ "repositoryName": "shop", "imageIds": [{ "imageTag": "gone" }] });
    assert_eq!(
        wire.ecr("DescribeImages", gone).await["__type"],
        "ImageNotFoundException"
    );
    let unscanned = json!({ "repositoryName": "shop", "imageId": id });
    assert_eq!(
        wire.ecr("DescribeImageScanFindings", unscanned).await["__type"],
        "ScanNotFoundException"
    );
    let other = json!({ "repositoryName": "gone" });
    assert_eq!(
        wire.ecr("ListImages", other).await["__type"],
        "RepositoryNotFoundException"
    );
}

#[tokio::test]
async fn roles_are_assumed_across_accounts() {
    let wire = wire().await;
    let aws = &wire.world.aws;
    aws.add_account("444455556666", "staging");
    aws.add_role("444455556666", "yardmaster-deploy", Some("secret-id"));
    aws.create_cluster("444455556666", REGION, "staging");
    let role = "arn:aws:iam::444455556666:role/yardmaster-deploy";
    let form = |external: &'static str| {
        [
            ("Action", "AssumeRole"),
            ("RoleArn", role),
            ("RoleSessionName", "test"),
            ("ExternalId", external),
        ]
    };
    let (status, body) = wire.sts("AKIAEXAMPLE", &form("wrong")).await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>AccessDenied</Code>"), "{body}");
    let (status, body) = wire.sts("AKIAEXAMPLE", &form("secret-id")).await;
    assert_eq!(status, 200);
    let key = body
        .split("<AccessKeyId>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .expect("a key");
    let (_, identity) = wire.sts(key, &[("Action", "GetCallerIdentity")]).await;
    assert!(
        identity.contains("arn:aws:sts::444455556666:assumed-role/yardmaster-deploy/test"),
        "{identity}"
    );
    let clusters = wire
        .json("AmazonEC2ContainerServiceV20141113.ListClusters", key, json!({}))
        .await
        .expect("an answer");
    assert!(clusters.text().await.expect("a body").contains("cluster/staging"));

    aws.unreachable("444455556666", true);
    assert!(
        wire.json("AmazonEC2ContainerServiceV20141113.ListClusters", key, json!({}))
            .await
            .is_err()
    );
    assert!(
        wire.ecs("ListClusters", json!({})).await.is_ok(),
        "the other account answers"
    );
}

#[tokio::test]
async fn a_lost_answer_is_a_closed_connection() {
    let wire = wire().await;
    wire.world.aws.fault("UpdateService", Fault::EffectThenTimeout, 1);
    let asked = json!({ "cluster": CLUSTER, "service": "shop", "taskDefinition": "shop:2" });
    let error = wire.ecs("UpdateService", asked).await.expect_err("no answer");
    assert!(error.is_request(), "not even a status line: {error:?}");
    assert_eq!(wire.world.aws.ledger().entries().len(), 1);
}

#[tokio::test]
async fn alarms_are_described_in_cbor() {
    let wire = wire().await;
    wire.world
        .aws
        .put_alarm(ACCOUNT, REGION, "shop-5xx", AlarmState::Alarm);
    let response = wire
        .client
        .post(format!(
            "{}/service/GraniteServiceVersion20100801/operation/DescribeAlarms",
            wire.address
        ))
        .header("smithy-protocol", "rpc-v2-cbor")
        .header("authorization", signed("AKIAEXAMPLE", "monitoring"))
        // An empty map of indefinite length, as the Rust SDK sends it.
        .body(vec![0xbf, 0xff])
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
    let body: Cbor = ciborium::from_reader(&*response.bytes().await.expect("a body")).expect("CBOR");
    let text = format!("{body:?}");
    assert!(text.contains("shop-5xx") && text.contains("\"ALARM\""), "{text}");
    assert!(text.contains("Tag(1"), "times are tagged: {text}");
}

#[tokio::test]
async fn the_world_can_be_disturbed_from_outside() {
    let wire = wire().await;
    let post = |path: &str, body: Value| {
        wire.client
            .post(format!("{}/_sim/{path}", wire.address))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
    };
    let pushed = post(
        "push-image",
        json!({ "account": ACCOUNT, "region": REGION, "repository": "shop", "tags": ["2.0.0"] }),
    );
    let pushed: Value =
        serde_json::from_str(&pushed.await.expect("an answer").text().await.expect("a body")).expect("JSON");
    post(
        "script-image",
        json!({ "digest": pushed["digest"], "failure": { "exits": { "code": 1 } } }),
    )
    .await
    .expect("an answer")
    .error_for_status()
    .expect("success");
    wire.world.register("2.0.0");
    wire.world.update("shop:3");
    post("advance", json!({ "millis": 300_000 }))
        .await
        .expect("an answer");
    assert_eq!(wire.world.status(), "ROLLBACK_SUCCESSFUL");
}
