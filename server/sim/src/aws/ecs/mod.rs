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

/// An operation: one that only looks, or one that changes something and so goes into the ledger.
enum Operation {
    Reads(fn(&State, &Call<'_>) -> Result<Value, AwsError>),
    Writes(fn(&mut State, &Call<'_>, &mut Note) -> Result<Value, AwsError>),
}

use Operation::{Reads, Writes};

const OPERATIONS: &[(&str, Operation)] = &[
    ("ListClusters", Reads(clusters::list)),
    ("DescribeClusters", Reads(clusters::describe)),
    ("ListServices", Reads(services::list)),
    ("DescribeServices", Reads(services::describe)),
    ("UpdateService", Writes(services::update)),
    (
        "RegisterTaskDefinition",
        Writes(task_definitions::register_by_call),
    ),
    ("DeregisterTaskDefinition", Writes(task_definitions::deregister)),
    ("DescribeTaskDefinition", Reads(task_definitions::describe)),
    ("ListTaskDefinitions", Reads(task_definitions::list)),
    ("ListTasks", Reads(tasks::list)),
    ("DescribeTasks", Reads(tasks::describe)),
    ("ListServiceDeployments", Reads(service_deployments::list)),
    ("DescribeServiceDeployments", Reads(service_deployments::describe)),
    (
        "DescribeServiceRevisions",
        Reads(service_deployments::describe_revisions),
    ),
    ("StopServiceDeployment", Writes(service_deployments::stop)),
    ("TagResource", Writes(tags::tag)),
    ("UntagResource", Writes(tags::untag)),
    ("ListTagsForResource", Reads(tags::list)),
];

/// The names of all operations.
pub(super) fn operations() -> Vec<&'static str> {
    OPERATIONS.iter().map(|(name, _)| *name).collect()
}

/// Whether the operation changes something.
pub(super) fn writes(operation: &str) -> bool {
    OPERATIONS
        .iter()
        .any(|(name, what)| *name == operation && matches!(what, Writes(_)))
}

/// Performs one operation on a state that is computed up to now.
pub(super) fn perform(
    state: &mut State,
    operation: &str,
    call: &Call<'_>,
    note: &mut Note,
) -> Result<Value, AwsError> {
    match OPERATIONS.iter().find(|(name, _)| *name == operation) {
        Some((_, Reads(read))) => read(state, call),
        Some((_, Writes(write))) => write(state, call, note),
        None => Err(AwsError::unknown_operation("ECS", operation)),
    }
}

/// An entry of `failures[]` for something that is not there.
fn missing(arn: &str) -> Value {
    serde_json::json!({ "arn": arn, "reason": "MISSING" })
}
