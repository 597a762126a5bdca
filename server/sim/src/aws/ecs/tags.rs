//! TagResource, UntagResource, ListTagsForResource: on clusters, services and task definitions.

use crate::aws::call::{Call, Note};
use crate::aws::error::AwsError;
use crate::aws::state::{Place, State, Tags, last_part, tags_from, tags_json};
use serde_json::{Value, json};

pub(super) fn list(state: &mut State, call: &Call<'_>) -> Result<Value, AwsError> {
    let tags = of(state, &call.place, call.required("resourceArn")?)?;
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
    let path = arn
        .strip_prefix(&place.arn("ecs", ""))
        .ok_or_else(|| AwsError::invalid(format!("Invalid resource ARN: {arn}.")))?;
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["cluster", name] => Ok(&mut state.cluster_mut(place, Some(name))?.tags),
        ["service", cluster, name] => {
            let service = state.cluster_mut(place, Some(cluster))?.services.get_mut(*name);
            Ok(&mut service
                .ok_or_else(|| AwsError::invalid("The specified service is not found."))?
                .tags)
        }
        ["task-definition", _] => {
            let families = state
                .families
                .get_mut(place)
                .into_iter()
                .flat_map(|families| families.values_mut());
            let found = families.flatten().find(|definition| definition.arn == arn);
            Ok(&mut found
                .ok_or_else(|| AwsError::invalid("The specified task definition is not found."))?
                .tags)
        }
        _ => Err(AwsError::invalid(format!("Invalid resource ARN: {arn}."))),
    }
}
