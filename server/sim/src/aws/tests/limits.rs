//! AWS's refusals, batch limits and pages.

use super::*;

#[test]
fn an_inactive_task_definition_is_refused() {
    let world = world();
    world.call("DeregisterTaskDefinition", json!({ "taskDefinition": "shop:2" }));
    let asked = json!({ "cluster": CLUSTER, "service": "shop", "taskDefinition": "shop:2" });
    let (code, message) = world.refused("UpdateService", asked);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("ClientException", "TaskDefinition is inactive")
    );
    let described = world.call("DescribeTaskDefinition", json!({ "taskDefinition": "shop:2" }));
    assert_eq!(described["taskDefinition"]["status"], "INACTIVE");
    let latest = world.call("DescribeTaskDefinition", json!({ "taskDefinition": "shop" }));
    assert_eq!(latest["taskDefinition"]["revision"], 1);
    let inactive = world.call(
        "ListTaskDefinitions",
        json!({ "familyPrefix": "shop", "status": "INACTIVE" }),
    );
    assert_eq!(inactive["taskDefinitionArns"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_task_definition_is_checked_and_given_the_next_revision() {
    let world = world();
    let container = json!({ "name": "web", "image": "nginx" });
    for (input, complaint) in [
        (json!({ "containerDefinitions": [container] }), "Family"),
        (json!({ "family": "shop" }), "Container list"),
        (
            json!({ "family": "shop", "containerDefinitions": [{ "name": "web" }] }),
            "Container.image",
        ),
        (
            json!({ "family": "shop", "containerDefinitions": [container, container] }),
            "unique",
        ),
    ] {
        let (code, message) = world.refused("RegisterTaskDefinition", input);
        assert_eq!(code, "ClientException");
        assert!(message.contains(complaint), "{message}");
    }
    let input = json!({
        "family": "shop", "containerDefinitions": [container], "tags": [{ "key": "by", "value": "yardmaster" }]
    });
    let made = world.call("RegisterTaskDefinition", input);
    assert_eq!(made["taskDefinition"]["revision"], 3);
    assert_eq!(made["tags"], json!([{ "key": "by", "value": "yardmaster" }]));
    assert_eq!(
        made["taskDefinition"]["containerDefinitions"][0]["essential"],
        true
    );
}

#[test]
fn services_come_in_pages_and_tens() {
    let world = world();
    for number in 0..14 {
        let spec = ServiceSpec {
            name: format!("worker-{number:02}"),
            task_definition: "shop:1".into(),
            ..ServiceSpec::default()
        };
        world
            .aws
            .create_service(ACCOUNT, REGION, CLUSTER, spec)
            .expect("a service");
    }
    let first = world.call("ListServices", json!({ "cluster": CLUSTER }));
    let page = |answer: &Value| answer["serviceArns"].as_array().expect("a page").clone();
    assert_eq!(page(&first).len(), 10);
    let rest = world.call(
        "ListServices",
        json!({ "cluster": CLUSTER, "nextToken": first["nextToken"] }),
    );
    assert_eq!(page(&rest).len(), 5);
    assert_eq!(rest["nextToken"], Value::Null);
    assert!(page(&rest).iter().all(|arn| !page(&first).contains(arn)));

    let eleven: Vec<String> = (0..11).map(|number| format!("worker-{number:02}")).collect();
    let (code, _) = world.refused(
        "DescribeServices",
        json!({ "cluster": CLUSTER, "services": eleven }),
    );
    assert_eq!(code, "InvalidParameterException");
    let found = world.call(
        "DescribeServices",
        json!({ "cluster": CLUSTER, "services": ["shop", "gone"] }),
    );
    assert_eq!(found["services"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["failures"][0]["reason"], "MISSING");
    for (operation, input, code) in [
        (
            "DescribeServices",
            json!({ "cluster": "nowhere", "services": ["shop"] }),
            "ClusterNotFoundException",
        ),
        (
            "ListTasks",
            json!({ "cluster": CLUSTER, "serviceName": "gone" }),
            "ServiceNotFoundException",
        ),
        (
            "UpdateService",
            json!({ "cluster": CLUSTER, "service": "gone" }),
            "ServiceNotFoundException",
        ),
        (
            "UpdateService",
            json!({ "cluster": CLUSTER, "service": "shop", "desiredCount": -1 }),
            "InvalidParameterException",
        ),
        (
            "UpdateService",
            json!({ "cluster": CLUSTER, "service": "shop", "desiredCount": 4_000_000_000_u64 }),
            "InvalidParameterException",
        ),
        (
            "ListServices",
            json!({ "cluster": CLUSTER, "nextToken": "!" }),
            "InvalidParameterException",
        ),
        (
            "ListServices",
            json!({ "cluster": CLUSTER, "maxResults": 101 }),
            "InvalidParameterException",
        ),
        (
            "DescribeServiceDeployments",
            json!({ "serviceDeploymentArns": vec!["x"; 21] }),
            "InvalidParameterException",
        ),
        (
            "DescribeServiceRevisions",
            json!({ "serviceRevisionArns": vec!["x"; 21] }),
            "InvalidParameterException",
        ),
        (
            "DescribeTasks",
            json!({ "cluster": CLUSTER, "tasks": vec!["x"; 101] }),
            "InvalidParameterException",
        ),
        ("CreateCapacityProvider", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(world.refused(operation, input).0, code, "{operation}");
    }
}

#[test]
fn tags_can_be_read_and_changed() {
    let world = world_with(ServiceSpec {
        tags: vec![("team".into(), "shop".into())],
        ..ServiceSpec::default()
    });
    let arn = world.service()["serviceArn"].clone();
    let tags = json!([{ "key": "yardmaster:service", "value": "shop" }]);
    world.call("TagResource", json!({ "resourceArn": arn, "tags": tags }));
    world.call(
        "UntagResource",
        json!({ "resourceArn": arn, "tagKeys": ["team"] }),
    );
    assert_eq!(
        world.call("ListTagsForResource", json!({ "resourceArn": arn }))["tags"],
        tags
    );
    let asked = json!({ "cluster": CLUSTER, "services": ["shop"], "include": ["TAGS"] });
    assert_eq!(world.call("DescribeServices", asked)["services"][0]["tags"], tags);
}

#[test]
fn a_deleted_cluster_is_inactive_and_of_no_more_use() {
    let world = world();
    assert!(world.aws.delete_cluster(ACCOUNT, REGION, CLUSTER));
    assert!(!world.aws.delete_cluster(ACCOUNT, REGION, CLUSTER));
    let listed = world.call("ListClusters", json!({}));
    assert_eq!(listed["clusterArns"], json!([]));
    let described = world.call("DescribeClusters", json!({ "clusters": [CLUSTER, "nowhere"] }));
    assert_eq!(described["clusters"][0]["status"], "INACTIVE");
    assert_eq!(described["clusters"][0]["activeServicesCount"], 0);
    assert_eq!(described["failures"][0]["reason"], "MISSING");
    let (code, message) = world.refused("ListServices", json!({ "cluster": CLUSTER }));
    assert_eq!(code, "ClusterNotFoundException");
    assert!(message.contains("inactive"), "{message}");
}
