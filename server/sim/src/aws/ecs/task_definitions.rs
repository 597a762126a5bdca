//! RegisterTaskDefinition, DeregisterTaskDefinition, DescribeTaskDefinition, ListTaskDefinitions.

use crate::aws::call::{Call, Note, seconds, with_token};
use crate::aws::error::AwsError;
use crate::aws::state::{Place, State, TaskDefinition, tags_from, tags_json};
use serde_json::{Map, Value, json};

/// The members of RegisterTaskDefinition's input that become members of the task definition.
const KEPT: &[&str] = &[
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "inferenceAccelerators",
    "ephemeralStorage",
    "runtimePlatform",
    "enableFaultInjection",
];

/// Registers a revision, as a call does and as the seeding of a world does.
pub(crate) fn register(
    state: &mut State,
    place: &Place,
    input: &Value,
    now: i64,
) -> Result<TaskDefinition, AwsError> {
    let family = input.get("family").and_then(Value::as_str).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if family.is_empty() {
        return Err(AwsError::client("Family should not be null or empty."));
    }
    if !family.chars().all(plain) || family.len() > 255 {
        return Err(AwsError::client(format!(
            "Family contains invalid characters: {family}."
        )));
    }
    let containers = containers(input)?;
    fargate_size(input)?;
    let revisions = state
        .families
        .entry(place.clone())
        .or_default()
        .entry(family.into())
        .or_default();
    let revision = revisions.len() + 1;
    let arn = place.arn("ecs", &format!("task-definition/{family}:{revision}"));
    let mut body = Map::new();
    body.insert("taskDefinitionArn".into(), arn.clone().into());
    body.insert("containerDefinitions".into(), containers);
    body.insert("family".into(), family.into());
    body.insert("revision".into(), revision.into());
    body.insert("status".into(), "ACTIVE".into());
    body.insert("volumes".into(), json!([]));
    body.insert("placementConstraints".into(), json!([]));
    body.insert("compatibilities".into(), json!(["EC2", "FARGATE"]));
    body.insert(
        "requiresAttributes".into(),
        json!([{ "name": "com.amazonaws.ecs.capability.ecr-auth" }]),
    );
    body.insert("registeredAt".into(), seconds(now));
    body.insert(
        "registeredBy".into(),
        format!("arn:aws:sts::{}:assumed-role/yardmaster/session", place.account).into(),
    );
    for member in KEPT {
        if let Some(value) = input.get(*member).filter(|value| !value.is_null()) {
            body.insert((*member).into(), value.clone());
        }
    }
    let definition = TaskDefinition {
        arn,
        active: true,
        body: Value::Object(body),
        tags: tags_from(input.get("tags")),
    };
    revisions.push(definition.clone());
    Ok(definition)
}

/// Fargate takes certain sizes only, with two to eight GB of memory per vCPU.
fn fargate_size(input: &Value) -> Result<(), AwsError> {
    let kinds = input.get("requiresCompatibilities").and_then(Value::as_array);
    if !kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "FARGATE")) {
        return Ok(());
    }
    let size = |field: &str| {
        input
            .get(field)
            .and_then(Value::as_str)
            .and_then(|size| size.parse::<u32>().ok())
    };
    let memory = size("memory").unwrap_or(0);
    let fits = match size("cpu") {
        Some(256) => (512..=2048).contains(&memory),
        Some(cpu @ (512 | 1024 | 2048 | 4096 | 8192 | 16384)) => (cpu * 2..=cpu * 8).contains(&memory),
        _ => {
            let message = "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section \
                           of the Amazon ECS Developer Guide.";
            return Err(AwsError::client(message));
        }
    };
    if fits {
        Ok(())
    } else {
        Err(AwsError::client(
            "No Fargate configuration exists for given values.",
        ))
    }
}

/// The container definitions with the defaults that AWS fills in.
fn containers(input: &Value) -> Result<Value, AwsError> {
    let given = input.get("containerDefinitions").and_then(Value::as_array);
    let given = given.filter(|given| !given.is_empty());
    let given = given.ok_or_else(|| AwsError::client("Container list cannot be empty."))?;
    let mut names: Vec<&str> = Vec::new();
    let mut containers = Vec::new();
    for container in given {
        let text = |field: &str| {
            container
                .get(field)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let name =
            text("name").ok_or_else(|| AwsError::client("Container.name should not be null or empty."))?;
        text("image").ok_or_else(|| AwsError::client("Container.image should not be null or empty."))?;
        if names.contains(&name) {
            return Err(AwsError::client(format!(
                "Container names must be unique: {name}."
            )));
        }
        names.push(name);
        let mut filled = container.clone();
        if let Value::Object(fields) = &mut filled {
            fields.retain(|_, value| !value.is_null());
            fields.entry("cpu").or_insert(json!(0));
            fields.entry("essential").or_insert(json!(true));
            for list in [
                "portMappings",
                "environment",
                "mountPoints",
                "volumesFrom",
                "systemControls",
            ] {
                fields.entry(list).or_insert(json!([]));
            }
        }
        containers.push(filled);
    }
    Ok(containers.into())
}

pub(super) fn register_by_call(
    state: &mut State,
    call: &Call<'_>,
    note: &mut Note,
) -> Result<Value, AwsError> {
    let containers = call.input.get("containerDefinitions").and_then(Value::as_array);
    let images: Vec<&Value> = containers
        .into_iter()
        .flatten()
        .filter_map(|c| c.get("image"))
        .collect();
    note.detail = json!({ "images": images, "tags": tags_from(call.input.get("tags")) });
    let definition = register(state, &call.place, call.input, call.now)?;
    note.merge(json!({ "taskDefinition": definition.arn }));
    Ok(json!({ "taskDefinition": definition.body, "tags": tags_json(&definition.tags) }))
}

pub(super) fn describe(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let found = state.task_definition(&call.place, call.required("taskDefinition")?);
    let found = found.ok_or_else(|| AwsError::client("Unable to describe task definition."))?;
    let tags = if call.includes("TAGS") {
        tags_json(&found.tags)
    } else {
        json!([])
    };
    Ok(json!({ "taskDefinition": found.body, "tags": tags }))
}

pub(super) fn deregister(state: &mut State, call: &Call<'_>, note: &mut Note) -> Result<Value, AwsError> {
    let asked = call.required("taskDefinition")?;
    note.detail = json!({ "taskDefinition": asked });
    if !asked.rsplit('/').next().unwrap_or(asked).contains(':') {
        return Err(AwsError::invalid(
            "A revision number of the task definition must be given.",
        ));
    }
    let arn = state
        .task_definition(&call.place, asked)
        .map(|definition| definition.arn.clone());
    let families = state
        .families
        .get_mut(&call.place)
        .into_iter()
        .flat_map(|families| families.values_mut());
    let definition = families
        .flatten()
        .find(|definition| arn.as_ref() == Some(&definition.arn))
        .ok_or_else(|| AwsError::client("The specified task definition does not exist."))?;
    note.resource = definition
        .body
        .get("family")
        .and_then(Value::as_str)
        .map(Into::into);
    definition.active = false;
    if let Value::Object(fields) = &mut definition.body {
        fields.insert("status".into(), "INACTIVE".into());
        fields.entry("deregisteredAt").or_insert(seconds(call.now));
    }
    Ok(json!({ "taskDefinition": definition.body }))
}

pub(super) fn list(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let wanted_active = match call.text("status") {
        None | Some("ACTIVE") => true,
        Some("INACTIVE") => false,
        Some(other) => {
            return Err(AwsError::invalid(format!(
                "Invalid task definition status: {other}."
            )));
        }
    };
    let family = call.text("familyPrefix").or_else(|| call.text("family"));
    let families = state.families.get(&call.place).into_iter().flatten();
    let mut arns: Vec<String> = families
        .filter(|(name, _)| family.is_none_or(|family| family == *name))
        .flat_map(|(_, revisions)| revisions)
        .filter(|definition| definition.active == wanted_active)
        .map(|definition| definition.arn.clone())
        .collect();
    if call.text("sort") == Some("DESC") {
        arns.reverse();
    }
    let (page, token) = call.page(arns, 100, 100)?;
    Ok(with_token(json!({ "taskDefinitionArns": page }), token))
}
