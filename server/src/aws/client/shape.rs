//! The SDK's types of ECS in our words. What lacks its ARN or id is left out: nothing could be done with it.

use std::collections::BTreeMap;

use app::text::Millis;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types;

use crate::aws::{
    EcsCluster, EcsDeployment, EcsEvent, EcsService, EcsTask, ServiceDeployment, ServiceDeploymentStatus,
    ServiceRevision, TaskContainer,
};

pub(super) fn millis(at: Option<&DateTime>) -> Option<Millis> {
    at.and_then(|at| at.to_millis().ok())
}

pub(super) fn tags(tags: &[types::Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect()
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

pub(super) fn cluster(cluster: &types::Cluster) -> Option<EcsCluster> {
    Some(EcsCluster {
        arn: owned(cluster.cluster_arn())?,
        name: owned(cluster.cluster_name())?,
        status: owned(cluster.status()).unwrap_or_default(),
        services: i64::from(cluster.active_services_count()),
        running: i64::from(cluster.running_tasks_count()),
        pending: i64::from(cluster.pending_tasks_count()),
    })
}

pub(super) fn service(service: &types::Service) -> Option<EcsService> {
    let mut deployments: Vec<EcsDeployment> = service.deployments().iter().filter_map(deployment).collect();
    deployments.sort_by_key(|deployment| deployment.status != "PRIMARY");
    let configuration = service.deployment_configuration();
    Some(EcsService {
        arn: owned(service.service_arn())?,
        name: owned(service.service_name())?,
        cluster_arn: owned(service.cluster_arn())?,
        status: owned(service.status()).unwrap_or_default(),
        task_definition: owned(service.task_definition()).unwrap_or_default(),
        desired: i64::from(service.desired_count()),
        running: i64::from(service.running_count()),
        pending: i64::from(service.pending_count()),
        controller: service
            .deployment_controller()
            .map_or("ECS", |controller| controller.r#type().as_str())
            .to_owned(),
        strategy: configuration
            .and_then(|configuration| configuration.strategy())
            .map_or("ROLLING", |strategy| strategy.as_str())
            .to_owned(),
        breaker: configuration
            .and_then(|configuration| configuration.deployment_circuit_breaker())
            .is_some_and(|breaker| breaker.enable()),
        current_service_deployment: owned(service.current_service_deployment()),
        current_service_revision: primary_revision(service, &deployments),
        deployments,
        events: service.events().iter().filter_map(event).collect(),
        tags: tags(service.tags()),
        created_at: millis(service.created_at()).unwrap_or_default(),
    })
}

/// `ecs-svc/123` brings the revision whose ARN ends in `/123`.
fn primary_revision(service: &types::Service, deployments: &[EcsDeployment]) -> Option<String> {
    let primary = deployments
        .iter()
        .find(|deployment| deployment.status == "PRIMARY")?;
    let number = primary.id.rsplit('/').next()?;
    let mut arns = service
        .current_service_revisions()
        .iter()
        .filter_map(|revision| revision.arn());
    arns.find(|arn| arn.rsplit('/').next() == Some(number))
        .map(str::to_owned)
}

fn deployment(deployment: &types::Deployment) -> Option<EcsDeployment> {
    Some(EcsDeployment {
        id: owned(deployment.id())?,
        status: owned(deployment.status())?,
        task_definition: owned(deployment.task_definition()).unwrap_or_default(),
        desired: i64::from(deployment.desired_count()),
        running: i64::from(deployment.running_count()),
        pending: i64::from(deployment.pending_count()),
        failed: i64::from(deployment.failed_tasks()),
        rollout_state: deployment.rollout_state().map(|state| state.as_str().to_owned()),
        rollout_reason: owned(deployment.rollout_state_reason()),
        created_at: millis(deployment.created_at()).unwrap_or_default(),
    })
}

fn event(event: &types::ServiceEvent) -> Option<EcsEvent> {
    Some(EcsEvent {
        id: owned(event.id())?,
        at: millis(event.created_at()).unwrap_or_default(),
        message: owned(event.message()).unwrap_or_default(),
    })
}

pub(super) fn task(task: &types::Task) -> Option<EcsTask> {
    Some(EcsTask {
        arn: owned(task.task_arn())?,
        task_definition: owned(task.task_definition_arn()).unwrap_or_default(),
        last_status: owned(task.last_status()).unwrap_or_default(),
        desired_status: owned(task.desired_status()).unwrap_or_default(),
        started_by: owned(task.started_by()),
        group: owned(task.group()),
        health: task.health_status().map(|health| health.as_str().to_owned()),
        stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
        stopped_reason: owned(task.stopped_reason()),
        containers: task
            .containers()
            .iter()
            .filter_map(|container| {
                Some(TaskContainer {
                    name: owned(container.name())?,
                    image: owned(container.image()).unwrap_or_default(),
                    digest: owned(container.image_digest()),
                    exit_code: container.exit_code().map(i64::from),
                    reason: owned(container.reason()),
                })
            })
            .collect(),
        created_at: millis(task.created_at()).unwrap_or_default(),
        started_at: millis(task.started_at()),
        stopped_at: millis(task.stopped_at()),
    })
}

pub(super) fn service_deployment(deployment: &types::ServiceDeployment) -> Option<ServiceDeployment> {
    use types::ServiceDeploymentStatus as Told;
    let status = match deployment.status()? {
        Told::Pending => ServiceDeploymentStatus::Pending,
        Told::InProgress => ServiceDeploymentStatus::InProgress,
        Told::Successful => ServiceDeploymentStatus::Successful,
        Told::Stopped => ServiceDeploymentStatus::Stopped,
        Told::StopRequested => ServiceDeploymentStatus::StopRequested,
        Told::RollbackRequested => ServiceDeploymentStatus::RollbackRequested,
        Told::RollbackInProgress => ServiceDeploymentStatus::RollbackInProgress,
        Told::RollbackSuccessful => ServiceDeploymentStatus::RollbackSuccessful,
        Told::RollbackFailed => ServiceDeploymentStatus::RollbackFailed,
        other => ServiceDeploymentStatus::Other(other.as_str().to_owned()),
    };
    Some(ServiceDeployment {
        arn: owned(deployment.service_deployment_arn())?,
        status,
        reason: owned(deployment.status_reason()),
        target_revision: deployment
            .target_service_revision()
            .and_then(|revision| owned(revision.arn())),
        rollback_reason: deployment
            .rollback()
            .and_then(|rollback| owned(rollback.reason())),
        breaker: deployment
            .deployment_circuit_breaker()
            .and_then(|breaker| breaker.status())
            .map(|status| status.as_str().to_owned()),
        triggered_alarms: deployment
            .alarms()
            .map(|alarms| alarms.triggered_alarm_names().to_vec())
            .unwrap_or_default(),
        created_at: millis(deployment.created_at()).unwrap_or_default(),
    })
}

pub(super) fn service_revision(revision: &types::ServiceRevision) -> Option<ServiceRevision> {
    Some(ServiceRevision {
        arn: owned(revision.service_revision_arn())?,
        task_definition: owned(revision.task_definition()).unwrap_or_default(),
        images: revision
            .container_images()
            .iter()
            .filter_map(|image| {
                let name = owned(image.container_name())?;
                Some((
                    name,
                    owned(image.image()).unwrap_or_default(),
                    owned(image.image_digest()),
                ))
            })
            .collect(),
    })
}
