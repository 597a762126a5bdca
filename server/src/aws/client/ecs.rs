//! ECS.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    DesiredStatus, ServiceField, SortOrder, StopServiceDeploymentStopType, TaskDefinitionField,
    TaskDefinitionStatus,
};
use serde_json::{Value, json};

use super::fault::Faults;
use super::limiter::{Bucket, Limiter};
use super::shape;
use super::wire::{KeepBody, SendBody};
use crate::aws::{
    AwsError, Ecs, EcsCluster, EcsService, EcsTask, Scope, ServiceDeployment, ServiceRevision, TaskDefinition,
};

/// Speaks to ECS in one account and region.
pub(super) struct EcsClient {
    /// Repeats what fails in passing.
    reader: Client,
    /// Never repeats.
    writer: Client,
    scope: Scope,
    limiter: Arc<Limiter>,
    faults: Faults,
}

impl EcsClient {
    pub(super) fn new(config: &SdkConfig, scope: &Scope, limiter: Arc<Limiter>, faults: Faults) -> Self {
        let once = aws_sdk_ecs::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .operation_attempt_timeout(Duration::from_secs(5))
                    .build(),
            )
            .build();
        Self {
            reader: Client::new(config),
            writer: Client::from_conf(once),
            scope: scope.clone(),
            limiter,
            faults,
        }
    }

    async fn take(&self, bucket: Bucket) {
        self.limiter.take(&self.scope, bucket).await;
    }
}

#[async_trait]
impl Ecs for EcsClient {
    async fn clusters(&self) -> Result<Vec<String>, AwsError> {
        let mut arns = Vec::new();
        let mut token = None;
        loop {
            self.take(Bucket::ClusterRead).await;
            let call = self.reader.list_clusters().max_results(100).set_next_token(token);
            let page = call
                .send()
                .await
                .map_err(|cause| self.faults.of("ListClusters", cause))?;
            arns.extend_from_slice(page.cluster_arns());
            token = page.next_token;
            if token.is_none() {
                return Ok(arns);
            }
        }
    }

    async fn describe_clusters(&self, clusters: &[String]) -> Result<Vec<EcsCluster>, AwsError> {
        // Without names ECS describes the cluster `default`.
        if clusters.is_empty() {
            return Ok(Vec::new());
        }
        self.take(Bucket::ClusterRead).await;
        let call = self
            .reader
            .describe_clusters()
            .set_clusters(Some(clusters.to_vec()));
        let answer = call
            .send()
            .await
            .map_err(|cause| self.faults.of("DescribeClusters", cause))?;
        Ok(answer.clusters().iter().filter_map(shape::cluster).collect())
    }

    async fn services(&self, cluster: &str) -> Result<Vec<String>, AwsError> {
        let mut arns = Vec::new();
        let mut token = None;
        loop {
            self.take(Bucket::ServiceRead).await;
            let call = self
                .reader
                .list_services()
                .cluster(cluster)
                .max_results(100)
                .set_next_token(token);
            let page = call
                .send()
                .await
                .map_err(|cause| self.faults.of("ListServices", cause))?;
            arns.extend_from_slice(page.service_arns());
            token = page.next_token;
            if token.is_none() {
                return Ok(arns);
            }
        }
    }

    async fn describe_services(
        &self,
        cluster: &str,
        services: &[String],
    ) -> Result<Vec<EcsService>, AwsError> {
        self.take(Bucket::ServiceRead).await;
        let call = self
            .reader
            .describe_services()
            .cluster(cluster)
            .set_services(Some(services.to_vec()))
            .include(ServiceField::Tags);
        let answer = call
            .send()
            .await
            .map_err(|cause| self.faults.of("DescribeServices", cause))?;
        Ok(answer.services().iter().filter_map(shape::service).collect())
    }

    async fn task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError> {
        self.take(Bucket::TaskDefinitionRead).await;
        let body = KeepBody::default();
        let answer = self
            .reader
            .describe_task_definition()
            .task_definition(arn)
            .include(TaskDefinitionField::Tags)
            .customize()
            .interceptor(body.clone())
            .send()
            .await
            .map_err(|cause| self.faults.of("DescribeTaskDefinition", cause))?;
        let broken = || AwsError::Unreachable("DescribeTaskDefinition: the answer cannot be read".to_owned());
        let typed = answer.task_definition().ok_or_else(broken)?;
        Ok(TaskDefinition {
            arn: typed.task_definition_arn().unwrap_or(arn).to_owned(),
            family: typed.family().ok_or_else(broken)?.to_owned(),
            revision: i64::from(typed.revision()),
            active: typed.status() == Some(&TaskDefinitionStatus::Active),
            content: body.content().ok_or_else(broken)?,
            tags: shape::tags(answer.tags()),
        })
    }

    async fn task_definitions(&self, family: &str, limit: usize) -> Result<Vec<String>, AwsError> {
        self.take(Bucket::TaskDefinitionRead).await;
        let call = self
            .reader
            .list_task_definitions()
            .family_prefix(family)
            .status(TaskDefinitionStatus::Active)
            .sort(SortOrder::Desc)
            .max_results(i32::try_from(limit.clamp(1, 100)).unwrap_or(100));
        let answer = call
            .send()
            .await
            .map_err(|cause| self.faults.of("ListTaskDefinitions", cause))?;
        Ok(answer
            .task_definition_arns()
            .iter()
            .take(limit)
            .cloned()
            .collect())
    }

    async fn register_task_definition(
        &self,
        content: &Value,
        tags: &[(String, String)],
    ) -> Result<String, AwsError> {
        let mut body = content.clone();
        let fields = body
            .as_object_mut()
            .ok_or_else(|| AwsError::Invalid("a task definition's content is a JSON object".to_owned()))?;
        if !tags.is_empty() {
            let tags = tags
                .iter()
                .map(|(key, value)| json!({ "key": key, "value": value }));
            fields.insert("tags".to_owned(), tags.collect());
        }
        self.take(Bucket::TaskDefinitionModify).await;
        let answer = self
            .writer
            .register_task_definition()
            .family("replaced-before-signing")
            .customize()
            .interceptor(SendBody(body.to_string()))
            .send()
            .await
            .map_err(|cause| self.faults.of("RegisterTaskDefinition", cause))?;
        answer
            .task_definition()
            .and_then(|made| made.task_definition_arn())
            .map(str::to_owned)
            .ok_or_else(|| {
                AwsError::Unreachable("RegisterTaskDefinition: the answer names no ARN".to_owned())
            })
    }

    async fn update_service(
        &self,
        cluster: &str,
        service: &str,
        task_definition: &str,
    ) -> Result<EcsService, AwsError> {
        self.take(Bucket::ServiceModify).await;
        let call = self
            .writer
            .update_service()
            .cluster(cluster)
            .service(service)
            .task_definition(task_definition);
        let answer = call
            .send()
            .await
            .map_err(|cause| self.faults.of("UpdateService", cause))?;
        answer
            .service()
            .and_then(shape::service)
            .ok_or_else(|| AwsError::Unreachable("UpdateService: the answer cannot be read".to_owned()))
    }

    async fn list_tasks(
        &self,
        cluster: &str,
        service: Option<&str>,
        stopped: bool,
    ) -> Result<Vec<String>, AwsError> {
        let wanted = if stopped {
            DesiredStatus::Stopped
        } else {
            DesiredStatus::Running
        };
        let mut arns = Vec::new();
        let mut token = None;
        loop {
            self.take(Bucket::TaskRead).await;
            let call = self
                .reader
                .list_tasks()
                .cluster(cluster)
                .set_service_name(service.map(str::to_owned))
                .desired_status(wanted.clone())
                .max_results(100)
                .set_next_token(token);
            let page = call
                .send()
                .await
                .map_err(|cause| self.faults.of("ListTasks", cause))?;
            arns.extend_from_slice(page.task_arns());
            token = page.next_token;
            if token.is_none() {
                return Ok(arns);
            }
        }
    }

    async fn describe_tasks(&self, cluster: &str, tasks: &[String]) -> Result<Vec<EcsTask>, AwsError> {
        self.take(Bucket::TaskRead).await;
        let call = self
            .reader
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(tasks.to_vec()));
        let answer = call
            .send()
            .await
            .map_err(|cause| self.faults.of("DescribeTasks", cause))?;
        Ok(answer.tasks().iter().filter_map(shape::task).collect())
    }

    async fn service_deployments(
        &self,
        cluster: &str,
        service: &str,
    ) -> Result<Vec<ServiceDeployment>, AwsError> {
        self.take(Bucket::ServiceDeployment).await;
        let call = self
            .reader
            .list_service_deployments()
            .cluster(cluster)
            .service(service)
            .max_results(20);
        let listed = match call
            .send()
            .await
            .map_err(|cause| self.faults.of("ListServiceDeployments", cause))
        {
            Ok(listed) => listed,
            Err(AwsError::Unsupported(_)) => return Ok(Vec::new()),
            Err(cause) => return Err(cause),
        };
        let arns: Vec<String> = listed
            .service_deployments()
            .iter()
            .filter_map(|brief| brief.service_deployment_arn().map(str::to_owned))
            .take(20)
            .collect();
        let mut found = self.describe_service_deployments(&arns).await?;
        found.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
        Ok(found)
    }

    async fn describe_service_deployments(
        &self,
        arns: &[String],
    ) -> Result<Vec<ServiceDeployment>, AwsError> {
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        self.take(Bucket::ServiceDeployment).await;
        let call = self
            .reader
            .describe_service_deployments()
            .set_service_deployment_arns(Some(arns.to_vec()));
        let answer = call
            .send()
            .await
            .map_err(|cause| self.faults.of("DescribeServiceDeployments", cause))?;
        Ok(answer
            .service_deployments()
            .iter()
            .filter_map(shape::service_deployment)
            .collect())
    }

    async fn describe_service_revisions(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError> {
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        self.take(Bucket::ServiceRevision).await;
        let call = self
            .reader
            .describe_service_revisions()
            .set_service_revision_arns(Some(arns.to_vec()));
        let answer = call
            .send()
            .await
            .map_err(|cause| self.faults.of("DescribeServiceRevisions", cause))?;
        Ok(answer
            .service_revisions()
            .iter()
            .filter_map(shape::service_revision)
            .collect())
    }

    async fn stop_service_deployment(&self, arn: &str) -> Result<(), AwsError> {
        self.take(Bucket::ServiceModify).await;
        self.writer
            .stop_service_deployment()
            .service_deployment_arn(arn)
            .stop_type(StopServiceDeploymentStopType::Rollback)
            .send()
            .await
            .map_err(|cause| self.faults.of("StopServiceDeployment", cause))?;
        Ok(())
    }
}
