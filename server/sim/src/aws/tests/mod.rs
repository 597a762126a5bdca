//! The behaviour of the simulated AWS, as its callers see it.

mod limits;
mod rollout;
mod wire;

use super::{Aws, ImageSpec, ServiceSpec};
use crate::clock::SimClock;
use crate::ledger::Ledger;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
const CLUSTER: &str = "production";
/// 2026-03-01T12:00:00Z
const NOON: i64 = 1_772_366_400_000;

/// A world with one service, `shop`, that runs revision 1 of its task definition.
struct World {
    aws: Arc<Aws>,
    /// The digests of revisions 1 and 2.
    digests: [String; 2],
}

fn world() -> World {
    world_with(ServiceSpec::default())
}

fn world_with(spec: ServiceSpec) -> World {
    world_on(SimClock::driven(NOON), spec)
}

fn world_on(clock: SimClock, spec: ServiceSpec) -> World {
    let aws = Aws::new(clock, Ledger::in_memory(), 7);
    aws.add_account(ACCOUNT, "prod");
    aws.create_cluster(ACCOUNT, REGION, CLUSTER);
    let digests = ["1.0.0", "1.1.0"].map(|tag| {
        let image = ImageSpec {
            tags: vec![tag.into()],
            revision_label: Some(format!("commit-of-{tag}")),
            ..ImageSpec::default()
        };
        aws.push_image(ACCOUNT, REGION, "shop", image)
    });
    let world = World { aws, digests };
    world.register("1.0.0");
    let spec = ServiceSpec {
        name: "shop".into(),
        task_definition: "shop:1".into(),
        created_at: 1,
        ..spec
    };
    world
        .aws
        .create_service(ACCOUNT, REGION, CLUSTER, spec)
        .expect("a service");
    world.register("1.1.0");
    world
}

impl World {
    /// Registers the next revision of `shop`, with the image of that tag.
    fn register(&self, tag: &str) -> String {
        let image = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop:{tag}");
        let input = json!({ "family": "shop", "containerDefinitions": [{ "name": "web", "image": image }] });
        self.aws
            .register_task_definition(ACCOUNT, REGION, input)
            .expect("a task definition")
    }

    fn call(&self, operation: &str, input: Value) -> Value {
        self.aws.ecs(ACCOUNT, REGION, operation, input).expect(operation)
    }

    /// The error code and message of a call that is refused.
    fn refused(&self, operation: &str, input: Value) -> (String, String) {
        let error = self
            .aws
            .ecs(ACCOUNT, REGION, operation, input)
            .expect_err(operation);
        (error.code, error.message)
    }

    fn update(&self, task_definition: &str) -> Value {
        let asked = json!({ "cluster": CLUSTER, "service": "shop", "taskDefinition": task_definition });
        self.call("UpdateService", asked)["service"].clone()
    }

    fn wait(&self, seconds: u64) {
        self.aws.clock().advance(Duration::from_secs(seconds));
    }

    fn service(&self) -> Value {
        let asked = json!({ "cluster": CLUSTER, "services": ["shop"] });
        self.call("DescribeServices", asked)["services"][0].clone()
    }

    /// The newest service deployment.
    fn deployment(&self) -> Value {
        let asked = json!({ "cluster": CLUSTER, "service": "shop" });
        let arn = self.call("ListServiceDeployments", asked)["serviceDeployments"][0]["serviceDeploymentArn"]
            .clone();
        let asked = json!({ "serviceDeploymentArns": [arn] });
        self.call("DescribeServiceDeployments", asked)["serviceDeployments"][0].clone()
    }

    fn status(&self) -> String {
        text(&self.deployment()["status"])
    }

    /// The status changes of the newest service deployment during so many seconds, asked every second.
    fn statuses(&self, seconds: u64) -> Vec<String> {
        let mut seen = vec![self.status()];
        for _ in 0..seconds {
            self.wait(1);
            let status = self.status();
            if seen.last() != Some(&status) {
                seen.push(status);
            }
        }
        seen
    }

    fn stopped_tasks(&self) -> Vec<Value> {
        let asked = json!({ "cluster": CLUSTER, "serviceName": "shop", "desiredStatus": "STOPPED" });
        let arns = self.call("ListTasks", asked)["taskArns"].clone();
        if arns.as_array().is_some_and(Vec::is_empty) {
            return Vec::new();
        }
        let tasks = self.call("DescribeTasks", json!({ "cluster": CLUSTER, "tasks": arns }));
        tasks["tasks"].as_array().expect("tasks").clone()
    }

    fn events(&self) -> Vec<String> {
        let service = self.service();
        service["events"]
            .as_array()
            .expect("events")
            .iter()
            .map(|event| text(&event["message"]))
            .collect()
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}
