//! A slot in a simulated cloud, and the engine in front of it.

use std::sync::Arc;

use app::account::{Actor, Role};
use app::deployment::{DeploymentKind, DeploymentPort, DeploymentState, DeploymentView};
use server::aws::with_image;
use server::deployment::{Deployments, NewDeployment, RequestError, request};
use server::service::{Slot, slot, task_definition_content};
use sim::aws::ServiceSpec;

use super::cloud::{ACCOUNT, COMMIT, Cloud, POLICY, REGION, apply, cipher, image};
use super::store::{Store, somebody};

/// `checkout` in staging runs its first image; a second one is in ECR.
pub struct Rollout {
    pub store: Store,
    pub cloud: Cloud,
    pub engine: Deployments,
    pub slot: Slot,
    pub first: String,
    pub second: String,
}

/// Simulated seconds between two ticks; ECS is looked at every two at most.
const STRIDE: u64 = 3;

/// What the ledger has of mutating calls that took effect.
#[derive(Debug, PartialEq, Eq)]
pub struct Effects {
    pub registered: usize,
    pub updated: usize,
    pub stopped: usize,
}

impl Rollout {
    /// With a circuit breaker that rolls back.
    pub async fn new(store: Store) -> Self {
        Self::with(store, POLICY, ServiceSpec::default()).await
    }

    pub async fn with(store: Store, policy: &str, spec: ServiceSpec) -> Self {
        let cloud = Cloud::start().await;
        let first = cloud.push("acme/checkout", "main-77aa01c-20260301-120000", Some(COMMIT));
        let definition = cloud.define(ACCOUNT, "checkout", &[("web", &image("acme/checkout", &first))]);
        let spec = ServiceSpec {
            name: "checkout".to_owned(),
            task_definition: definition,
            tags: vec![("yardmaster:service".to_owned(), "checkout".to_owned())],
            ..spec
        };
        cloud
            .aws
            .create_service(ACCOUNT, REGION, "staging", spec)
            .expect("a service");
        let second = cloud.push(
            "acme/checkout",
            "main-88bb02d-20260302-090000",
            Some(OTHER_COMMIT),
        );
        apply(&store, policy).await;
        cloud.sync(&store).tick().await.expect("the first sync");
        let slot = slot(&store.db, "checkout", "staging")
            .await
            .expect("the database answers")
            .expect("the service is mapped");
        let engine = Self::engine_of(&store, &cloud, "one");
        Self {
            store,
            cloud,
            engine,
            slot,
            first,
            second,
        }
    }

    fn engine_of(store: &Store, cloud: &Cloud, replica: &str) -> Deployments {
        Deployments::new(
            store.db.clone(),
            Arc::new(cloud.clients()),
            cipher(),
            replica.to_owned(),
        )
    }

    /// Another engine on the same database.
    pub fn replica(&self, name: &str) -> Deployments {
        Self::engine_of(&self.store, &self.cloud, name)
    }

    /// Asks for an image as a train would.
    pub async fn ask(&self, digest: &str) -> Result<String, RequestError> {
        let base = self.slot.running_task_definition.clone().expect("it runs");
        let content = task_definition_content(&self.store.db, &cipher(), &base)
            .await
            .expect("the database answers")
            .expect("the sync remembered it");
        let content =
            with_image(&content, &self.slot.container, &image("acme/checkout", digest)).expect("a container");
        let ada = ada();
        let mut tx = self.store.db.begin().await?;
        let id = request(
            &mut tx,
            &cipher(),
            NewDeployment {
                slot_id: &self.slot.id,
                kind: DeploymentKind::Train,
                train_id: None,
                car_id: None,
                image_repository: self.slot.image_repository.as_deref().unwrap_or_default(),
                digest,
                commit_id: None,
                from_digest: self.slot.running_digest.as_deref(),
                base_task_definition: Some(&base),
                content: Some(&content),
                content_sha256: None,
                requested_by: &ada,
                reason: None,
                deadline_at: None,
            },
        )
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Lets the engine and the cloud go on until the deployment is at rest.
    pub async fn rest(&self, id: &str, seconds: u64) -> DeploymentView {
        for _ in 0..seconds / STRIDE {
            let status = self.engine.tick().await.expect("the tick runs");
            assert!(status.problems.is_empty(), "{status}");
            if self.state(id).await.at_rest() {
                return self.view(id).await;
            }
            self.cloud.pass(&self.store, STRIDE);
        }
        panic!("not at rest after {seconds} s: {:#?}", self.view(id).await);
    }

    /// Lets them go on until the deployment has come this far.
    pub async fn until(&self, id: &str, state: DeploymentState) {
        for _ in 0..600 {
            self.engine.tick().await.expect("the tick runs");
            if self.state(id).await == state {
                return;
            }
            self.cloud.pass(&self.store, 1);
        }
        panic!("never {state}: {:#?}", self.view(id).await);
    }

    pub async fn state(&self, id: &str) -> DeploymentState {
        let ids = [id.to_owned()];
        let found = server::deployment::states(&self.store.db, &ids).await;
        found.expect("the database answers")[id].state
    }

    pub async fn view(&self, id: &str) -> DeploymentView {
        self.engine.deployment(&ada(), id).await.expect("it is there")
    }

    /// Mutating calls that took effect.
    pub fn effects(&self) -> Effects {
        let count = |operation| {
            self.cloud
                .aws
                .ledger()
                .count(operation, sim::ledger::Entry::took_effect)
        };
        Effects {
            registered: count("RegisterTaskDefinition"),
            updated: count("UpdateService"),
            stopped: count("StopServiceDeployment"),
        }
    }

    /// The image references that ECS is told to run now.
    pub fn told(&self) -> String {
        let service = self.service();
        let definition = service["taskDefinition"].clone();
        let found = self
            .cloud
            .aws
            .ecs(
                ACCOUNT,
                REGION,
                "DescribeTaskDefinition",
                serde_json::json!({ "taskDefinition": definition }),
            )
            .expect("a task definition");
        found["taskDefinition"]["containerDefinitions"][0]["image"]
            .as_str()
            .expect("an image")
            .to_owned()
    }

    pub fn service(&self) -> serde_json::Value {
        let asked = serde_json::json!({ "cluster": "staging", "services": ["checkout"] });
        self.cloud
            .aws
            .ecs(ACCOUNT, REGION, "DescribeServices", asked)
            .expect("a service")["services"][0]
            .clone()
    }

    /// Reads ECS and ECR into the store again.
    pub async fn sync(&mut self) {
        self.cloud.pass(&self.store, 60);
        self.cloud.sync(&self.store).tick().await.expect("a sync");
        self.slot = slot(&self.store.db, "checkout", "staging")
            .await
            .expect("the database answers")
            .expect("the service is mapped");
    }
}

pub const OTHER_COMMIT: &str = "88bb02d000000000000000000000000000000002";

pub fn ada() -> Actor {
    somebody("ada", Role::Devops)
}
