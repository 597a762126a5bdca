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
mod seed;
mod service;
mod spec;
mod state;
mod sts;
mod task;
mod verdict;

pub use error::AwsError;
pub use spec::{AlarmState, Failure, Fault, ImageSpec, Script, ServiceSpec};

use crate::clock::SimClock;
use crate::ledger::{Entry, Ledger};
use call::{Call, Note};
use faults::Faults;
use serde_json::Value;
use state::State;
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
