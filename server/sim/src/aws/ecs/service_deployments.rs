//! The newer view of deployments: ListServiceDeployments, DescribeServiceDeployments,
//! DescribeServiceRevisions, StopServiceDeployment.

use super::{missing, services};
use crate::aws::call::{Call, Note, compact, seconds, with_token};
use crate::aws::engine::Surroundings;
use crate::aws::error::AwsError;
use crate::aws::service::{Monitor, Record, Revision, Service, Status};
use crate::aws::state::{Place, State, last_part};
use crate::aws::task::{Stage, Task};
use crate::aws::verdict;
use serde_json::{Value, json};

pub(super) fn list(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let cluster = state.cluster(&call.place, call.text("cluster"))?;
    let name = last_part(call.required("service")?);
    let service = cluster
        .services
        .get(name)
        .ok_or_else(AwsError::service_not_found)?;
    let statuses = call.list("status");
    let bound = |path: &str| {
        call.input
            .pointer(path)
            .and_then(Value::as_f64)
            .map(|at| at * 1000.0)
    };
    let (after, before) = (bound("/createdAt/after"), bound("/createdAt/before"));
    let records = service.records.iter().rev().filter(|record| {
        let created = seconds(record.created_at).as_f64().unwrap_or(0.0) * 1000.0;
        (statuses.is_empty() || statuses.contains(&record.status.as_str()))
            && after.is_none_or(|after| created >= after)
            && before.is_none_or(|before| created <= before)
    });
    let (page, token) = call.page(records.map(|record| record.id.clone()).collect(), 20, 100)?;
    let brief = page
        .iter()
        .filter_map(|id| service.records.iter().find(|record| record.id == *id))
        .map(|record| {
            compact(json!({
                "serviceDeploymentArn": service.record_arn(&record.id),
                "serviceArn": service.arn(),
                "clusterArn": service.cluster_arn(),
                "startedAt": record.started_at.map(seconds),
                "createdAt": seconds(record.created_at),
                "finishedAt": record.finished_at.map(seconds),
                "targetServiceRevisionArn": service.revision_arn(record.number),
                "status": record.status.as_str(),
                "statusReason": record.reason,
            }))
        });
    Ok(with_token(
        json!({ "serviceDeployments": brief.collect::<Vec<_>>() }),
        token,
    ))
}

pub(super) fn describe(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let asked = call.limited("serviceDeploymentArns", "Service deployment ARNs", 20)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in asked {
        let shown = addressed(state, &call.place, arn, "service-deployment").and_then(|(service, id)| {
            service
                .records
                .iter()
                .find(|record| record.id == id)
                .map(|record| shown(service, record))
        });
        match shown {
            Some(shown) => found.push(shown),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({ "serviceDeployments": found, "failures": failures }))
}

pub(super) fn describe_revisions(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let asked = call.limited("serviceRevisionArns", "Service revision ARNs", 20)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in asked {
        let shown = addressed(state, &call.place, arn, "service-revision")
            .and_then(|(service, number)| Some((service, service.revision(number.parse().ok()?)?)))
            .map(|(service, revision)| revision_shown(service, revision));
        match shown {
            Some(shown) => found.push(shown),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({ "serviceRevisions": found, "failures": failures }))
}

pub(super) fn stop(state: &mut State, call: &Call<'_>, note: &mut Note) -> Result<Value, AwsError> {
    let arn = call.required("serviceDeploymentArn")?;
    note.detail = json!({ "serviceDeployment": arn });
    if call.text("stopType").is_some_and(|kind| kind != "ROLLBACK") {
        return Err(AwsError::invalid(
            "The stop type is not valid. The valid values are ROLLBACK.",
        ));
    }
    let not_found = || {
        AwsError::new(
            "ServiceDeploymentNotFoundException",
            "The service deployment was not found.",
        )
    };
    let (service, id) = addressed(state, &call.place, arn, "service-deployment").ok_or_else(not_found)?;
    let (cluster, name) = (service.cluster.clone(), service.name.clone());
    note.cluster = Some(cluster.clone());
    note.resource = Some(name.clone());
    let world = Surroundings {
        registry: &state.registry,
        alarms: &state.alarms,
        clock: call.clock,
    };
    let service = state
        .clusters
        .get_mut(&call.place)
        .and_then(|clusters| clusters.get_mut(&cluster)?.services.get_mut(&name))
        .ok_or_else(not_found)?;
    let status = verdict::request_stop(service, &world, id, call.now)?;
    note.merge(json!({ "status": status.as_str() }));
    Ok(json!({ "serviceDeploymentArn": arn }))
}

/// The service that an ARN `…:KIND/cluster/service/id` is about, and the id.
fn addressed<'a, 'b>(
    state: &'a State,
    place: &Place,
    arn: &'b str,
    kind: &str,
) -> Option<(&'a Service, &'b str)> {
    let path = arn.strip_prefix(&place.arn("ecs", &format!("{kind}/")))?;
    let (cluster, rest) = path.split_once('/')?;
    let (service, id) = rest.split_once('/')?;
    Some((
        state.clusters.get(place)?.get(cluster)?.services.get(service)?,
        id,
    ))
}

fn shown(service: &Service, record: &Record) -> Value {
    let summary = |number: u64, target: bool| {
        let tasks = |wanted: fn(&Task) -> bool| {
            service
                .tasks
                .iter()
                .filter(|task| task.number == number && wanted(task))
                .count()
        };
        let live = service
            .deployments
            .iter()
            .find(|deployment| deployment.number == number);
        json!({
            "arn": service.revision_arn(number),
            "requestedTaskCount": live.map_or(0, |live| services::desired_of(service, live)),
            "runningTaskCount": tasks(|task| task.stage == Stage::Running),
            "pendingTaskCount": tasks(Task::is_pending),
            "requestedTestTrafficWeight": 0.0,
            "requestedProductionTrafficWeight": if target { 100.0 } else { 0.0 },
        })
    };
    let ongoing = !record.status.is_terminal();
    let stage = match record.status {
        Status::Pending => Some("RECONCILE_SERVICE"),
        _ if ongoing => Some("SCALE_UP"),
        _ => None,
    };
    let monitored = |monitor: Monitor| (monitor != Monitor::Disabled).then_some(monitor);
    compact(json!({
        "serviceDeploymentArn": service.record_arn(&record.id),
        "serviceArn": service.arn(),
        "clusterArn": service.cluster_arn(),
        "createdAt": seconds(record.created_at),
        "startedAt": record.started_at.map(seconds),
        "finishedAt": record.finished_at.map(seconds),
        "stoppedAt": record.stopped_at.map(seconds),
        "updatedAt": seconds(record.updated_at),
        "sourceServiceRevisions": record.sources.iter().map(|source| summary(*source, false)).collect::<Vec<_>>(),
        "targetServiceRevision": summary(record.number, true),
        "status": record.status.as_str(),
        "statusReason": record.reason,
        "lifecycleStage": stage,
        "deploymentConfiguration": services::configuration(&service.policy),
        "rollback": record.rollback.as_ref().map(|rollback| json!({
            "reason": rollback.reason,
            "startedAt": seconds(rollback.started_at),
            "serviceRevisionArn": service.revision_arn(rollback.number),
        })),
        "deploymentCircuitBreaker": {
            "status": record.breaker.as_str(),
            "failureCount": record.failures,
            "threshold": record.threshold,
        },
        "alarms": monitored(record.alarms).map(|monitor| json!({
            "status": monitor.as_str(),
            "alarmNames": service.policy.alarms,
            "triggeredAlarmNames": record.triggered_alarms,
        })),
    }))
}

fn revision_shown(service: &Service, revision: &Revision) -> Value {
    let fargate = service.launch_type == "FARGATE";
    let images = revision.images.iter().map(|image| {
        compact(json!({
            "containerName": image.container, "imageDigest": image.digest, "image": image.image
        }))
    });
    compact(json!({
        "serviceRevisionArn": service.revision_arn(revision.number),
        "serviceArn": service.arn(),
        "clusterArn": service.cluster_arn(),
        "taskDefinition": revision.task_definition,
        "launchType": service.launch_type,
        "platformVersion": fargate.then_some("1.4.0"),
        "platformFamily": fargate.then_some("Linux"),
        "containerImages": images.collect::<Vec<_>>(),
        "guardDutyEnabled": false,
        "createdAt": seconds(revision.created_at),
    }))
}
