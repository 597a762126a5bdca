//! ECS of one account and region: clusters and names in the slow lane, services in the fast lane, what never changes
//! once, and tasks where something happens to them.

/// An answer, or the end of a function that answers an account's failure apart from our own.
macro_rules! ask {
    ($call:expr) => {
        match $call {
            Ok(answer) => answer,
            Err(cause) => return Ok(Err(cause)),
        }
    };
}

mod cluster;
mod immutable;
mod running;
mod store;
mod task;

use std::collections::BTreeMap;

use app::text::Millis;
use futures::stream::{self, StreamExt, TryStreamExt};

use self::cluster::Names;
use self::store::Before;
use self::task::Look;
use super::{Inner, Outcome};
use crate::aws::{AwsError, EcsService, Purpose, Scope, ServiceRevision};
use crate::policy::Policy;
use crate::service::facts::Facts;

/// Calls side by side: enough to reach what the limiter allows.
const ABREAST: usize = 8;

/// What is remembered from round to round.
#[derive(Default)]
pub(super) struct Remembered {
    names: Names,
    /// Containers and images of task definitions.
    images: BTreeMap<String, Vec<(String, String)>>,
    /// Service revisions whose digests are all known.
    revisions: BTreeMap<String, ServiceRevision>,
    /// How often the tasks of a deployment were asked.
    asked: BTreeMap<String, u32>,
    /// The endpoint has no service revisions.
    no_revisions: bool,
    /// The services as the last round found them.
    looks: Vec<Look>,
}

/// Reads clusters and services.
pub(super) async fn round(
    inner: &Inner,
    scope: &Scope,
    policy: Option<&Policy>,
    remembered: &mut Remembered,
) -> Outcome {
    let started = inner.db.now();
    let before = store::before(inner, scope).await?;
    let facts = match read(inner, scope, policy, remembered, &before, started).await? {
        Ok(facts) => facts,
        Err(cause) => {
            if matches!(cause, AwsError::NotFound(_)) {
                remembered.names = Names::default(); // A cluster is gone: list the names again.
            }
            return Ok(Err(cause));
        }
    };
    store::keep(inner, scope, before, facts, remembered, started).await?;
    Ok(Ok(()))
}

/// Reads the tasks of mapped services to which something happened since they were read last. Comes after a round, and
/// after its services were mapped.
pub(super) async fn tasks(inner: &Inner, scope: &Scope, remembered: &Remembered) -> Outcome {
    task::round(inner, scope, &remembered.looks).await
}

async fn read(
    inner: &Inner,
    scope: &Scope,
    policy: Option<&Policy>,
    remembered: &mut Remembered,
    before: &BTreeMap<String, Before>,
    now: Millis,
) -> anyhow::Result<Result<Vec<Facts>, AwsError>> {
    let ecs = ask!(inner.aws.ecs(scope, Purpose::Read).await);
    let ecs = ecs.as_ref();
    ask!(cluster::round(inner, scope, policy, ecs, &mut remembered.names, now).await?);
    let described: Result<Vec<Vec<EcsService>>, AwsError> = stream::iter(remembered.names.tens())
        .map(|(cluster, ten)| async move { ecs.describe_services(&cluster, &ten).await })
        .buffered(ABREAST)
        .try_collect()
        .await;
    let mut services: Vec<EcsService> = ask!(described).into_iter().flatten().collect();
    services.retain(|service| service.status != "INACTIVE");
    remembered.looks = services.iter().map(Look::of).collect();
    for service in &mut services {
        service.events.clear();
    }
    ask!(immutable::definitions(inner, ecs, remembered, &services).await?);
    ask!(immutable::revisions(inner, ecs, remembered, &services, now).await?);
    let mut facts = Vec::new();
    for service in services {
        let was = before
            .get(&service.arn)
            .and_then(|before| before.facts.running.clone());
        let mut running = running::running(&service, remembered, was);
        if let Some(running) = running
            .as_mut()
            .filter(|running| running.unclear() && service.running > 0)
        {
            ask!(running::ask_tasks(ecs, &service, running, remembered).await);
        }
        facts.push(Facts { service, running });
    }
    Ok(Ok(facts))
}
