//! The simulated AWS: ECS, ECR, STS and CloudWatch over their own wire protocols.
//!
//! A request comes in through [`Aws::router`], `protocol` reads it, [`Aws::invoke`] counts it, looks for an
//! injected fault, computes every service up to now (`engine`), lets the operation act on the `state` and
//! writes what changed into the ledger. Tests and the demo world seed and disturb it with the other methods.

mod call;
mod cloudwatch;
pub mod control;
mod ecr;
mod ecs;
mod endings;
mod engine;
mod error;
mod faults;
mod protocol;
mod registry;
mod rollout;
mod service;
mod spec;
mod state;
mod sts;
mod verdict;

pub use error::AwsError;
pub use spec::{AlarmState, Failure, Fault, ImageSpec, Script, ServiceSpec};

use crate::clock::SimClock;
use crate::ledger::{Entry, Ledger};
use call::{Call, Note};
use faults::Faults;
use serde_json::Value;
use state::{Cluster, Place, State};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The region that the API's seeding methods are usually given.
pub const DEFAULT_REGION: &str = "eu-central-1";

/// A simulated AWS with all its accounts and regions.
#[derive(Debug)]
pub struct Aws {
    clock: SimClock,
    ledger: Ledger,
    seed: u64,
    state: Mutex<State>,
    faults: Mutex<Faults>,
    calls: Mutex<BTreeMap<String, u64>>,
}

/// Which of AWS's services a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Elastic Container Service.
    Ecs,
    /// Elastic Container Registry.
    Ecr,
    /// Security Token Service.
    Sts,
    /// CloudWatch.
    CloudWatch,
}

/// Who calls, read from the request's signature.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account that the access key belongs to.
    pub account: String,
    /// The region of the credential scope.
    pub region: String,
    /// The access key id.
    pub access_key: String,
}

/// What comes of a call.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The operation's output.
    Done(Value),
    /// An error answer.
    Failed(AwsError),
    /// The connection closes without an answer.
    Hangup,
}

impl Aws {
    /// An AWS without accounts. The same seed and the same calls give the same ids.
    pub fn new(clock: SimClock, ledger: Ledger, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            clock,
            ledger,
            seed,
            state: Mutex::default(),
            faults: Mutex::default(),
            calls: Mutex::default(),
        })
    }

    /// The endpoint for all four services, to be served at `/`.
    pub fn router(self: Arc<Self>) -> axum::Router {
        protocol::router(self)
    }

    /// The clock it runs on.
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// What was changed through the API.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

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

    /// The operations that it offers, by service.
    pub fn operations() -> BTreeMap<&'static str, Vec<&'static str>> {
        BTreeMap::from([
            ("ecs", ecs::operations()),
            ("ecr", ecr::operations()),
            ("sts", vec!["AssumeRole", "GetCallerIdentity"]),
            ("cloudwatch", vec!["DescribeAlarms"]),
        ])
    }

    /// How often each operation was called.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        lock(&self.calls).clone()
    }

    /// Starts counting calls anew.
    pub fn reset_calls(&self) {
        lock(&self.calls).clear();
    }

    /// Performs an ECS operation as a caller of `account` would, without the wire.
    pub fn ecs(&self, account: &str, region: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        let caller = Caller {
            account: account.into(),
            region: region.into(),
            access_key: format!("ASIA{account}SIMU"),
        };
        match self.invoke(Api::Ecs, operation, &caller, &input) {
            Answer::Done(output) => Ok(output),
            Answer::Failed(error) => Err(error),
            Answer::Hangup => Err(AwsError::new(
                "Hangup",
                "the connection was closed without an answer",
            )),
        }
    }

    /// Performs one call: everything but the wire.
    pub fn invoke(&self, api: Api, operation: &str, caller: &Caller, input: &Value) -> Answer {
        *lock(&self.calls).entry(operation.into()).or_default() += 1;
        let now = self.clock.now_millis();
        let mut state = self.advanced(now);
        let call = Call::new(caller, input, now, &self.clock);
        let target = sts::target_account(operation, input).unwrap_or(&caller.account);
        if state
            .accounts
            .get(target)
            .is_some_and(|account| account.unreachable)
        {
            return Answer::Hangup;
        }
        let mut note = Note::of(input);
        let fault = lock(&self.faults).next(operation);
        let result = match fault.and_then(|fault| faults::refusal(fault, api, operation, &call)) {
            Some(refusal) => Err(refusal),
            None => match api {
                Api::Ecs => ecs::perform(&mut state, operation, &call, &mut note),
                Api::Ecr => ecr::perform(&state, operation, &call),
                Api::Sts => sts::perform(&mut state, operation, &call),
                Api::CloudWatch => cloudwatch::perform(&state, operation, &call),
            },
        };
        let lost = fault == Some(Fault::EffectThenTimeout);
        if api == Api::Ecs && ecs::writes(operation) {
            let outcome = match &result {
                Ok(_) if lost => "ok, answer lost".into(),
                Ok(_) => "ok".into(),
                Err(error) => error.code.clone(),
            };
            self.ledger.append(Entry {
                seq: 0,
                at_millis: now,
                account: caller.account.clone(),
                region: caller.region.clone(),
                operation: operation.into(),
                cluster: note.cluster,
                resource: note.resource,
                access_key: caller.access_key.clone(),
                detail: note.detail,
                outcome,
            });
        }
        match result {
            _ if lost => Answer::Hangup,
            Ok(output) => Answer::Done(output),
            Err(error) => Answer::Failed(error),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The state with every service computed up to `now`.
    fn advanced(&self, now: i64) -> MutexGuard<'_, State> {
        let mut state = self.state();
        engine::advance_all(&mut state, &self.clock, now);
        state
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
