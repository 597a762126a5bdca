//! How a world is made and disturbed from inside the program: what there is, and what is to go wrong.

use super::error::AwsError;
use super::spec::{AlarmState, Failure, Fault, ImageSpec, Script, ServiceSpec};
use super::state::{Cluster, Place};
use super::{Aws, ecs, engine, lock};
use serde_json::Value;
use std::collections::BTreeMap;

impl Aws {
    /// Adds an account. The first one is that of access keys which name no account.
    pub fn add_account(&self, id: &str, alias: &str) {
        let mut state = self.state();
        state.accounts.entry(id.into()).or_default().alias = alias.into();
        state.default_account.get_or_insert_with(|| id.into());
    }

    /// Adds a role that AssumeRole gives out, to who knows its external id if it has one.
    pub fn add_role(&self, account: &str, name: &str, external_id: Option<&str>) {
        let mut state = self.state();
        let account = state.accounts.entry(account.into()).or_default();
        account.roles.insert(name.into(), external_id.map(Into::into));
    }

    /// Adds an ECS cluster.
    pub fn create_cluster(&self, account: &str, region: &str, name: &str) {
        let cluster = Cluster {
            name: name.into(),
            active: true,
            tags: BTreeMap::new(),
            services: BTreeMap::new(),
        };
        let mut state = self.state();
        state
            .clusters
            .entry(Place::new(account, region))
            .or_default()
            .insert(name.into(), cluster);
    }

    /// Deletes a cluster with all that it had. As with ECS, it can still be described: it is INACTIVE. Says whether it
    /// was there.
    pub fn delete_cluster(&self, account: &str, region: &str, name: &str) -> bool {
        let mut state = self.advanced(self.clock.now_millis());
        let Ok(cluster) = state.cluster_mut(&Place::new(account, region), Some(name)) else {
            return false;
        };
        cluster.active = false;
        cluster.services.clear();
        true
    }

    /// Adds an ECR repository.
    pub fn create_repository(&self, account: &str, region: &str, name: &str) {
        let now = self.clock.now_millis();
        self.state()
            .registry
            .repository_mut(&Place::new(account, region), name, now);
    }

    /// Pushes an image, creating the repository if need be, and says its digest: the hash of its manifest.
    pub fn push_image(&self, account: &str, region: &str, repository: &str, spec: ImageSpec) -> String {
        let now = self.clock.now_millis();
        let pushed_at = if spec.pushed_at == 0 { now } else { spec.pushed_at };
        let mut state = self.advanced(now);
        let repository = state
            .registry
            .repository_mut(&Place::new(account, region), repository, pushed_at);
        repository.push(&spec, pushed_at)
    }

    /// Puts an image into the archive storage class or takes it out. Says whether the image is there.
    pub fn archive_image(
        &self,
        account: &str,
        region: &str,
        repository: &str,
        digest: &str,
        archived: bool,
    ) -> bool {
        let now = self.clock.now_millis();
        let mut state = self.advanced(now);
        let repository = state
            .registry
            .repository_mut(&Place::new(account, region), repository, now);
        let image = repository.images.get_mut(digest);
        image.map(|image| image.archived = archived).is_some()
    }

    /// Moves a tag to an image of the repository. Says whether the image is there.
    pub fn tag_image(&self, account: &str, region: &str, repository: &str, digest: &str, tag: &str) -> bool {
        let now = self.clock.now_millis();
        let mut state = self.advanced(now);
        state
            .registry
            .repository_mut(&Place::new(account, region), repository, now)
            .tag(digest, tag)
    }

    /// Deletes an image as a lifecycle rule would. Says whether it was there.
    pub fn delete_image(&self, account: &str, region: &str, repository: &str, digest: &str) -> bool {
        let now = self.clock.now_millis();
        let mut state = self.advanced(now);
        let repository = state
            .registry
            .repository_mut(&Place::new(account, region), repository, now);
        repository.images.remove(digest).is_some()
    }

    /// Registers a task definition from the input of RegisterTaskDefinition and says its ARN.
    pub fn register_task_definition(
        &self,
        account: &str,
        region: &str,
        input: Value,
    ) -> Result<String, AwsError> {
        let now = self.clock.now_millis();
        let place = Place::new(account, region);
        ecs::task_definitions::register(&mut self.state(), &place, &input, now).map(|made| made.arn)
    }

    /// Creates a service whose first deployment is long finished, and says its ARN.
    pub fn create_service(
        &self,
        account: &str,
        region: &str,
        cluster: &str,
        spec: ServiceSpec,
    ) -> Result<String, AwsError> {
        let place = Place::new(account, region);
        ecs::services::create(&mut self.state(), &place, cluster, &spec, &self.clock, self.seed)
    }

    /// Deletes a service with all that it had. Says whether it was there.
    pub fn delete_service(&self, account: &str, region: &str, cluster: &str, name: &str) -> bool {
        let mut state = self.advanced(self.clock.now_millis());
        let cluster = state.cluster_mut(&Place::new(account, region), Some(cluster));
        cluster.is_ok_and(|cluster| cluster.services.remove(name).is_some())
    }

    /// Adds a CloudWatch alarm or sets its state.
    pub fn put_alarm(&self, account: &str, region: &str, name: &str, state: AlarmState) {
        let now = self.clock.now_millis();
        let mut world = self.advanced(now);
        world.alarms.put(&Place::new(account, region), name, state, now);
        engine::reconsider(&mut world, &self.clock, now);
    }

    /// Says what the coming deployments of a service do.
    pub fn script(
        &self,
        account: &str,
        cluster: &str,
        service: &str,
        script: Script,
    ) -> Result<(), AwsError> {
        let mut state = self.advanced(self.clock.now_millis());
        let regions = state
            .clusters
            .iter_mut()
            .filter(|(place, _)| place.account == account);
        let found = regions
            .filter_map(|(_, clusters)| clusters.get_mut(cluster))
            .find_map(|cluster| cluster.services.get_mut(service))
            .ok_or_else(AwsError::service_not_found)?;
        found.script = script;
        Ok(())
    }

    /// Says how every task that starts from this image fails.
    pub fn script_image(&self, digest: &str, failure: Failure) {
        self.advanced(self.clock.now_millis())
            .registry
            .failures
            .insert(digest.into(), failure);
    }

    /// Takes [`Aws::script_image`] back: tasks that start from now on succeed.
    pub fn heal_image(&self, digest: &str) {
        self.advanced(self.clock.now_millis())
            .registry
            .failures
            .remove(digest);
    }

    /// Lets the next `times` calls of `operation` meet a fault.
    pub fn fault(&self, operation: &str, fault: Fault, times: u32) {
        lock(&self.faults).add(operation, fault, times);
    }

    /// Cuts the connection to an account, or mends it. Every call for it, AssumeRole included, hangs up.
    pub fn unreachable(&self, account: &str, unreachable: bool) {
        self.state()
            .accounts
            .entry(account.into())
            .or_default()
            .unreachable = unreachable;
    }
}
