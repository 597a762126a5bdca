//! The operations of the simulated ECS, one file for each kind of thing they are about.

mod clusters;
pub(super) mod service_deployments;
pub(super) mod services;
mod tags;
pub(super) mod task_definitions;
mod tasks;

use super::call::{Call, Note};
use super::error::AwsError;
use super::state::State;
use serde_json::Value;

/// Performs one operation on a state that is computed up to now.
pub(super) fn perform(
    state: &mut State,
    operation: &str,
    call: &Call<'_>,
    note: &mut Note,
) -> Result<Value, AwsError> {
    match operation {
        "ListClusters" => clusters::list(state, call),
        "DescribeClusters" => clusters::describe(state, call),
        "ListServices" => services::list(state, call),
        "DescribeServices" => services::describe(state, call),
        "UpdateService" => services::update(state, call, note),
        "RegisterTaskDefinition" => task_definitions::register_by_call(state, call, note),
        "DeregisterTaskDefinition" => task_definitions::deregister(state, call, note),
        "DescribeTaskDefinition" => task_definitions::describe(state, call),
        "ListTaskDefinitions" => task_definitions::list(state, call),
        "ListTasks" => tasks::list(state, call),
        "DescribeTasks" => tasks::describe(state, call),
        "ListServiceDeployments" => service_deployments::list(state, call),
        "DescribeServiceDeployments" => service_deployments::describe(state, call),
        "DescribeServiceRevisions" => service_deployments::describe_revisions(state, call),
        "StopServiceDeployment" => service_deployments::stop(state, call, note),
        "TagResource" => tags::tag(state, call, note),
        "UntagResource" => tags::untag(state, call, note),
        "ListTagsForResource" => tags::list(state, call),
        _ => Err(AwsError::new(
            "UnknownOperationException",
            format!("The simulated ECS has no operation {operation}."),
        )),
    }
}

/// An entry of `failures[]` for something that is not there.
fn missing(arn: &str) -> Value {
    serde_json::json!({ "arn": arn, "reason": "MISSING" })
}
