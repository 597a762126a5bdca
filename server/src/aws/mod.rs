//! AWS in our own words: small traits that the rest of the program uses, implemented over the SDK in [`client`].
//! SDK errors are classified here, once, into [`AwsError`].

pub mod client;
mod types;

use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;

pub use types::*;

/// ECS, in one account and region.
#[async_trait]
pub trait Ecs: Send + Sync {
    /// ARNs of all clusters.
    async fn clusters(&self) -> Result<Vec<String>, AwsError>;
    /// Describes at most 100 clusters, by name or ARN; those that are missing are left out.
    async fn describe_clusters(&self, clusters: &[String]) -> Result<Vec<EcsCluster>, AwsError>;
    /// ARNs of all services of a cluster.
    async fn services(&self, cluster: &str) -> Result<Vec<String>, AwsError>;
    /// Describes at most ten services of one cluster; those that are missing are left out.
    async fn describe_services(
        &self,
        cluster: &str,
        services: &[String],
    ) -> Result<Vec<EcsService>, AwsError>;
    /// One task definition, with tags. Immutable but for `active`.
    async fn task_definition(&self, arn: &str) -> Result<TaskDefinition, AwsError>;
    /// ARNs of the newest ACTIVE revisions of a family, newest first, at most `limit`.
    async fn task_definitions(&self, family: &str, limit: usize) -> Result<Vec<String>, AwsError>;
    /// Registers a revision from a RegisterTaskDefinition input (JSON as on the wire, without tags); answers its ARN.
    /// Never repeated by the SDK: after [`AwsError::Unreachable`] it may or may not have taken effect.
    async fn register_task_definition(
        &self,
        content: &Value,
        tags: &[(String, String)],
    ) -> Result<String, AwsError>;
    /// Points a service at a task definition. Never sends a desired count, never forces. Answers the service after.
    /// Never repeated by the SDK: after [`AwsError::Unreachable`] it may or may not have taken effect.
    async fn update_service(
        &self,
        cluster: &str,
        service: &str,
        task_definition: &str,
    ) -> Result<EcsService, AwsError>;
    /// ARNs of the tasks of a cluster, or of one of its services: those that should run, or those that should not.
    async fn list_tasks(
        &self,
        cluster: &str,
        service: Option<&str>,
        stopped: bool,
    ) -> Result<Vec<String>, AwsError>;
    /// Describes at most 100 tasks of one cluster; those that are missing are left out.
    async fn describe_tasks(&self, cluster: &str, tasks: &[String]) -> Result<Vec<EcsTask>, AwsError>;
    /// Tasks of a service, running or stopped.
    async fn tasks(&self, cluster: &str, service: &str, stopped: bool) -> Result<Vec<EcsTask>, AwsError> {
        let mut tasks = Vec::new();
        for some in self
            .list_tasks(cluster, Some(service), stopped)
            .await?
            .chunks(100)
        {
            tasks.extend(self.describe_tasks(cluster, some).await?);
        }
        Ok(tasks)
    }
    /// Newest service deployments of a service, at most 20; empty where the endpoint keeps none.
    async fn service_deployments(
        &self,
        cluster: &str,
        service: &str,
    ) -> Result<Vec<ServiceDeployment>, AwsError>;
    /// Describes at most 20 service deployments.
    async fn describe_service_deployments(&self, arns: &[String])
    -> Result<Vec<ServiceDeployment>, AwsError>;
    /// Describes at most 20 service revisions. Immutable.
    async fn describe_service_revisions(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError>;
    /// Stops a service deployment and rolls it back.
    async fn stop_service_deployment(&self, arn: &str) -> Result<(), AwsError>;
}

/// ECR, in one registry (account and region).
#[async_trait]
pub trait Ecr: Send + Sync {
    /// Names of all repositories.
    async fn repositories(&self) -> Result<Vec<EcrRepository>, AwsError>;
    /// All images of a repository, archived ones too.
    async fn images(&self, repository: &str) -> Result<Vec<EcrImage>, AwsError>;
    /// One image by digest; `None` where it is not there.
    async fn image(&self, repository: &str, digest: &str) -> Result<Option<EcrImage>, AwsError>;
    /// The commits that images say they were made from (OCI annotation or label), by digest; at most 100 digests.
    async fn revisions(
        &self,
        repository: &str,
        digests: &[String],
    ) -> Result<Vec<(String, ImageFacts)>, AwsError>;
}

/// CloudWatch alarms, in one account and region.
#[async_trait]
pub trait Alarms: Send + Sync {
    /// States of at most 100 named alarms; missing ones are left out.
    async fn states(&self, names: &[String]) -> Result<Vec<Alarm>, AwsError>;
}

/// Gives clients for an account and region: one role to read, another to deploy.
#[async_trait]
pub trait Aws: Send + Sync {
    /// ECS.
    async fn ecs(&self, scope: &Scope, purpose: Purpose) -> Result<Arc<dyn Ecs>, AwsError>;
    /// ECR, for reading.
    async fn ecr(&self, scope: &Scope) -> Result<Arc<dyn Ecr>, AwsError>;
    /// CloudWatch alarms, for reading.
    async fn alarms(&self, scope: &Scope) -> Result<Arc<dyn Alarms>, AwsError>;
    /// Accounts and regions that are configured to be read.
    fn scopes(&self) -> Vec<Scope>;
}
