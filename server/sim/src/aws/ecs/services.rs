//! ListServices, DescribeServices, UpdateService.

use super::missing;
use crate::aws::call::{Call, Note, compact, seconds, with_token};
use crate::aws::engine::{self, Surroundings};
use crate::aws::error::AwsError;
use crate::aws::rollout;
use crate::aws::service::{Deployment, Policy, Rollout, Service, Status};
use crate::aws::spec::ServiceSpec;
use crate::aws::state::{Place, State, last_part, tags_json};
use crate::aws::task::{Stage, Task};
use crate::clock::SimClock;
use serde_json::{Value, json};

pub(super) fn list(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let cluster = state.cluster(&call.place, call.text("cluster"))?;
    let launch_type = call.text("launchType");
    let wanted = |service: &&Service| service.active && launch_type.is_none_or(|t| t == service.launch_type);
    let arns = cluster
        .services
        .values()
        .filter(wanted)
        .map(Service::arn)
        .collect();
    let (page, token) = call.page(arns, 10, 100)?;
    Ok(with_token(json!({ "serviceArns": page }), token))
}

pub(super) fn describe(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let cluster = state.cluster(&call.place, call.text("cluster"))?;
    let asked = call.limited("services", "Services", 10)?;
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for name in asked {
        match cluster.services.get(last_part(name)) {
            Some(service) => services.push(shown(service, call.includes("TAGS"))),
            None => {
                let path = format!("service/{}/{}", cluster.name, last_part(name));
                failures.push(missing(&call.place.arn("ecs", &path)));
            }
        }
    }
    Ok(json!({ "services": services, "failures": failures }))
}

pub(super) fn update(state: &mut State, call: &Call<'_>, note: &mut Note) -> Result<Value, AwsError> {
    let asked = call.text("taskDefinition");
    let force = call
        .input
        .get("forceNewDeployment")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let name = last_part(call.required("service")?);
    let cluster = last_part(call.text("cluster").unwrap_or("default"));
    note.detail = json!({ "taskDefinition": asked, "forceNewDeployment": force });
    let desired = desired_count(call)?;
    state.cluster(&call.place, Some(cluster))?;
    let definition = asked
        .map(|asked| match state.task_definition(&call.place, asked) {
            None => Err(AwsError::client("TaskDefinition not found.")),
            Some(definition) if !definition.active => Err(AwsError::client("TaskDefinition is inactive")),
            Some(definition) => Ok(definition.clone()),
        })
        .transpose()?;
    let running = |state: &State| {
        let service = state
            .cluster(&call.place, Some(cluster))
            .ok()?
            .services
            .get(name)?;
        let primary = service.primary()?;
        let task_definition = &service.revision(primary.number)?.task_definition;
        state.task_definition(&call.place, task_definition).cloned()
    };
    let unchanged = running(state);
    let world = Surroundings {
        registry: &state.registry,
        alarms: &state.alarms,
        clock: call.clock,
    };
    let service = state
        .clusters
        .get_mut(&call.place)
        .and_then(|clusters| clusters.get_mut(cluster)?.services.get_mut(name))
        .ok_or_else(AwsError::service_not_found)?;
    if !service.active {
        return Err(AwsError::new(
            "ServiceNotActiveException",
            "Service was not ACTIVE.",
        ));
    }
    if let Some(desired) = desired {
        service.desired = desired;
        note.merge(json!({ "desiredCount": desired }));
    }
    if let Some(configuration) = call.input.get("deploymentConfiguration") {
        configure(&mut service.policy, configuration);
    }
    let old = unchanged.as_ref().map(|definition| definition.arn.as_str());
    let next = match definition {
        Some(definition) if force || old != Some(definition.arn.as_str()) => Some(definition),
        _ => unchanged.filter(|_| force),
    };
    if let Some(definition) = &next {
        let number = rollout::begin(service, &world, definition, call.now);
        note.merge(json!({ "taskDefinition": definition.arn, "deployment": format!("ecs-svc/{number}") }));
    }
    note.merge(json!({ "newDeployment": next.is_some() }));
    engine::schedule(service, &world, call.now);
    Ok(json!({ "service": shown(service, true) }))
}

/// AWS runs at most 5,000 tasks of one service.
fn desired_count(call: &Call<'_>) -> Result<Option<u32>, AwsError> {
    let Some(asked) = call.input.get("desiredCount").filter(|asked| !asked.is_null()) else {
        return Ok(None);
    };
    let count = asked
        .as_u64()
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| *count <= 5_000);
    let refused = || AwsError::invalid(format!("desiredCount must be between 0 and 5000, not {asked}."));
    count.ok_or_else(refused).map(Some)
}

fn configure(policy: &mut Policy, configuration: &Value) {
    let flag = |path: &str| configuration.pointer(path).and_then(Value::as_bool);
    let number = |path: &str| configuration.pointer(path).and_then(Value::as_u64);
    let percent = |path: &str| number(path).and_then(|percent| u32::try_from(percent).ok());
    policy.breaker = flag("/deploymentCircuitBreaker/enable").unwrap_or(policy.breaker);
    policy.rollback = flag("/deploymentCircuitBreaker/rollback").unwrap_or(policy.rollback);
    policy.maximum_percent = percent("/maximumPercent").unwrap_or(policy.maximum_percent);
    policy.minimum_healthy_percent =
        percent("/minimumHealthyPercent").unwrap_or(policy.minimum_healthy_percent);
    if let Some(names) = configuration
        .pointer("/alarms/alarmNames")
        .and_then(Value::as_array)
    {
        let enabled = flag("/alarms/enable").unwrap_or(true);
        policy.alarms = names
            .iter()
            .filter(|_| enabled)
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
    }
}

/// Creates a service in a finished deployment.
pub(crate) fn create(
    state: &mut State,
    place: &Place,
    cluster: &str,
    spec: &ServiceSpec,
    clock: &SimClock,
    seed: u64,
) -> Result<String, AwsError> {
    let now = clock.now_millis();
    state.cluster(place, Some(cluster))?;
    let definition = state
        .task_definition(place, &spec.task_definition)
        .cloned()
        .ok_or_else(|| AwsError::client("TaskDefinition not found."))?;
    let created_at = if spec.created_at == 0 {
        now
    } else {
        spec.created_at
    };
    let mut service = Service::new(place.clone(), cluster, spec, created_at, seed);
    let world = Surroundings {
        registry: &state.registry,
        alarms: &state.alarms,
        clock,
    };
    rollout::settle(&mut service, &world, &definition, created_at);
    let arn = service.arn();
    state
        .cluster_mut(place, Some(cluster))?
        .services
        .insert(spec.name.clone(), service);
    Ok(arn)
}

fn shown(service: &Service, with_tags: bool) -> Value {
    let primary = service.primary();
    let revision = primary.and_then(|primary| service.revision(primary.number));
    let fargate = service.launch_type == "FARGATE";
    // The primary deployment comes first, as AWS lists it.
    let mut deployments: Vec<&Deployment> = service.deployments.iter().collect();
    deployments.sort_by_key(|deployment| !deployment.primary);
    let revisions = deployments.iter().map(|deployment| {
        json!({
            "arn": service.revision_arn(deployment.number),
            "requestedTaskCount": desired_of(service, deployment),
            "runningTaskCount": tasks_of(service, deployment, |task| task.stage == Stage::Running),
            "pendingTaskCount": tasks_of(service, deployment, Task::is_pending),
        })
    });
    // AWS names the last deployment also after its end, and for a moment after UpdateService it still names
    // the one before: who follows a deployment has to compare the revision's number.
    let begun = service
        .records
        .iter()
        .rev()
        .find(|record| record.status != Status::Pending);
    let current = begun.or(service.records.last());
    let count = |wanted: fn(&Task) -> bool| service.tasks.iter().filter(|task| wanted(task)).count();
    compact(json!({
        "serviceArn": service.arn(),
        "serviceName": service.name,
        "clusterArn": service.cluster_arn(),
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": if service.active { "ACTIVE" } else { "INACTIVE" },
        "desiredCount": service.desired,
        "runningCount": count(|task| task.stage == Stage::Running),
        "pendingCount": count(Task::is_pending),
        "launchType": service.launch_type,
        "platformVersion": fargate.then_some("LATEST"),
        "platformFamily": fargate.then_some("Linux"),
        "taskDefinition": revision.map(|revision| &revision.task_definition),
        "deploymentConfiguration": configuration(&service.policy),
        "deployments": deployments.iter().map(|deployment| deployment_shown(service, deployment)).collect::<Vec<_>>(),
        "roleArn": format!(
            "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", service.place.account
        ),
        "events": service.events.iter().map(|event| json!({
            "id": event.id, "createdAt": seconds(event.at), "message": event.message
        })).collect::<Vec<_>>(),
        "createdAt": seconds(service.created_at),
        "currentServiceDeployment": current.map(|record| service.record_arn(&record.id)),
        "currentServiceRevisions": revisions.collect::<Vec<_>>(),
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": 0,
        "schedulingStrategy": "REPLICA",
        "deploymentController": { "type": "ECS" },
        "tags": with_tags.then(|| tags_json(&service.tags)),
        "createdBy": format!("arn:aws:iam::{}:role/platform", service.place.account),
        "enableECSManagedTags": false,
        "propagateTags": "NONE",
        "enableExecuteCommand": false,
        "availabilityZoneRebalancing": "DISABLED",
    }))
}

pub(super) fn configuration(policy: &Policy) -> Value {
    compact(json!({
        "deploymentCircuitBreaker": { "enable": policy.breaker, "rollback": policy.rollback },
        "alarms": (!policy.alarms.is_empty()).then(|| json!({
            "alarmNames": policy.alarms, "rollback": policy.rollback, "enable": true
        })),
        "maximumPercent": policy.maximum_percent,
        "minimumHealthyPercent": policy.minimum_healthy_percent,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    }))
}

fn deployment_shown(service: &Service, deployment: &Deployment) -> Value {
    let fargate = service.launch_type == "FARGATE";
    compact(json!({
        "id": format!("ecs-svc/{}", deployment.number),
        "status": if deployment.primary { "PRIMARY" } else { "ACTIVE" },
        "taskDefinition": service.revision(deployment.number).map(|revision| &revision.task_definition),
        "desiredCount": desired_of(service, deployment),
        "pendingCount": tasks_of(service, deployment, Task::is_pending),
        "runningCount": tasks_of(service, deployment, |task| task.stage == Stage::Running),
        "failedTasks": deployment.failed_tasks,
        "createdAt": seconds(deployment.created_at),
        "updatedAt": seconds(deployment.updated_at),
        "launchType": service.launch_type,
        "platformVersion": fargate.then_some("1.4.0"),
        "platformFamily": fargate.then_some("Linux"),
        "rolloutState": match deployment.rollout {
            Rollout::InProgress => "IN_PROGRESS",
            Rollout::Completed => "COMPLETED",
            Rollout::Failed => "FAILED",
        },
        "rolloutStateReason": deployment.reason,
    }))
}

/// A deployment that has not begun wants nothing yet; one on its way out wants what it still has.
pub(super) fn desired_of(service: &Service, deployment: &Deployment) -> usize {
    match deployment {
        Deployment {
            primary: true,
            begun: false,
            ..
        } => 0,
        Deployment { primary: true, .. } => service.desired as usize,
        _ => tasks_of(service, deployment, Task::wanted),
    }
}

fn tasks_of(service: &Service, deployment: &Deployment, wanted: fn(&Task) -> bool) -> usize {
    service
        .tasks
        .iter()
        .filter(|task| task.number == deployment.number && wanted(task))
        .count()
}
