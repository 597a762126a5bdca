//! TagResource, UntagResource, ListTagsForResource: on clusters, services and task definitions.

use crate::aws::call::{Call, Note};
use crate::aws::error::AwsError;
use crate::aws::state::{Place, State, Tags, last_part, tags_from, tags_json};
use serde_json::{Value, json};

pub(super) fn list(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let resource = Resource::parse(&call.place, call.required("resourceArn")?)?;
    let place = &call.place;
    let tags = match resource {
        Resource::Cluster(name) => &state.cluster(place, Some(name))?.tags,
        Resource::Service(cluster, name) => {
            let service = state.cluster(place, Some(cluster))?.services.get(name);
            &service.ok_or_else(|| not_found("service"))?.tags
        }
        Resource::TaskDefinition(name) => {
            &state
                .task_definition(place, name)
                .ok_or_else(|| not_found("task definition"))?
                .tags
        }
    };
    Ok(json!({ "tags": tags_json(tags) }))
}

pub(super) fn tag(state: &mut State, call: &Call<'_>, note: &mut Note) -> Result<Value, AwsError> {
    let arn = call.required("resourceArn")?;
    let added = tags_from(call.input.get("tags"));
    note.resource = Some(last_part(arn).into());
    note.detail = json!({ "resourceArn": arn, "tags": added });
    of(state, &call.place, arn)?.extend(added);
    Ok(json!({}))
}

pub(super) fn untag(state: &mut State, call: &Call<'_>, note: &mut Note) -> Result<Value, AwsError> {
    let arn = call.required("resourceArn")?;
    let keys = call.list("tagKeys");
    note.resource = Some(last_part(arn).into());
    note.detail = json!({ "resourceArn": arn, "tagKeys": keys });
    of(state, &call.place, arn)?.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(json!({}))
}

fn of<'a>(state: &'a mut State, place: &Place, arn: &str) -> Result<&'a mut Tags, AwsError> {
    match Resource::parse(place, arn)? {
        Resource::Cluster(name) => Ok(&mut state.cluster_mut(place, Some(name))?.tags),
        Resource::Service(cluster, name) => {
            let service = state.cluster_mut(place, Some(cluster))?.services.get_mut(name);
            Ok(&mut service.ok_or_else(|| not_found("service"))?.tags)
        }
        Resource::TaskDefinition(_) => {
            let families = state
                .families
                .get_mut(place)
                .into_iter()
                .flat_map(|families| families.values_mut());
            let found = families.flatten().find(|definition| definition.arn == arn);
            Ok(&mut found.ok_or_else(|| not_found("task definition"))?.tags)
        }
    }
}

fn not_found(what: &str) -> AwsError {
    AwsError::invalid(format!("The specified {what} is not found."))
}

/// What an ARN names.
enum Resource<'a> {
    Cluster(&'a str),
    Service(&'a str, &'a str),
    TaskDefinition(&'a str),
}

impl<'a> Resource<'a> {
    fn parse(place: &Place, arn: &'a str) -> Result<Self, AwsError> {
        let path = arn.strip_prefix(&place.arn("ecs", "")).unwrap_or_default();
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["cluster", name] => Ok(Self::Cluster(name)),
            ["service", cluster, name] => Ok(Self::Service(cluster, name)),
            ["task-definition", name] => Ok(Self::TaskDefinition(name)),
            _ => Err(AwsError::invalid(format!("Invalid resource ARN: {arn}."))),
        }
    }
}
