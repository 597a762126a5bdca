//! ListClusters and DescribeClusters.

use super::missing;
use crate::aws::call::{Call, with_token};
use crate::aws::error::AwsError;
use crate::aws::state::{Cluster, Place, State, last_part, tags_json};
use crate::aws::task::{Stage, Task};
use serde_json::{Value, json};

pub(super) fn list(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let clusters = state
        .clusters
        .get(&call.place)
        .into_iter()
        .flat_map(|clusters| clusters.values())
        .filter(|cluster| cluster.active);
    let arns = clusters.map(|cluster| arn(&call.place, &cluster.name)).collect();
    let (page, token) = call.page(arns, 100, 100)?;
    Ok(with_token(json!({ "clusterArns": page }), token))
}

pub(super) fn describe(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let mut asked = call.list("clusters");
    if asked.len() > 100 {
        return Err(AwsError::invalid("Clusters cannot have more than 100 entries."));
    }
    if asked.is_empty() {
        asked.push("default");
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for name in asked {
        match state.known_cluster(&call.place, name) {
            Some(cluster) => clusters.push(shown(cluster, call)),
            None => failures.push(missing(&arn(&call.place, last_part(name)))),
        }
    }
    Ok(json!({ "clusters": clusters, "failures": failures }))
}

fn shown(cluster: &Cluster, call: &Call<'_>) -> Value {
    let tasks = || cluster.services.values().flat_map(|service| &service.tasks);
    let settings = json!([{ "name": "containerInsights", "value": "disabled" }]);
    json!({
        "clusterArn": arn(&call.place, &cluster.name),
        "clusterName": cluster.name,
        "status": if cluster.active { "ACTIVE" } else { "INACTIVE" },
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": tasks().filter(|task| task.stage == Stage::Running).count(),
        "pendingTasksCount": tasks().filter(|task| Task::is_pending(task)).count(),
        "activeServicesCount": cluster.services.values().filter(|service| service.active).count(),
        "statistics": [],
        "tags": if call.includes("TAGS") { tags_json(&cluster.tags) } else { json!([]) },
        "settings": if call.includes("SETTINGS") { settings } else { json!([]) },
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    })
}

fn arn(place: &Place, name: &str) -> String {
    place.arn("ecs", &format!("cluster/{name}"))
}
