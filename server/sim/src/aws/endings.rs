//! How tasks end, in the words that ECS uses.

use super::registry::Registry;
use super::service::{Deployment, Revision, Service, uuid};
use super::spec::Failure;
use super::task::Ending;
use sha2::{Digest, Sha256};

/// What will become of a task that starts now.
pub(crate) enum Fate {
    Lives,
    /// It is never placed.
    Unplaceable,
    /// It stays pending.
    Stuck,
    Ends(Ending),
}

/// The fate that image, script and registry hold for the next task of a deployment.
pub(crate) fn fate(service: &Service, deployment: &Deployment, registry: &Registry) -> Fate {
    let Some(revision) = service.revision(deployment.number) else {
        return Fate::Lives;
    };
    for image in &revision.images {
        if let Some(text) = registry.pull_error(&image.image, image.digest.as_deref(), &revision.platform) {
            return Fate::Ends(not_started(Failure::CannotPull, text));
        }
    }
    let by_image = || {
        let digests = revision.images.iter().filter_map(|image| image.digest.as_ref());
        digests
            .filter_map(|digest| registry.failures.get(digest))
            .next()
            .copied()
    };
    match deployment.scripted.or_else(by_image) {
        None => Fate::Lives,
        Some(Failure::NoCapacity) => Fate::Unplaceable,
        Some(Failure::Stuck) => Fate::Stuck,
        Some(failure) => Fate::Ends(ending(service, revision, failure)),
    }
}

fn ending(service: &Service, revision: &Revision, failure: Failure) -> Ending {
    let essential = revision.images.iter().find(|image| image.essential);
    let image = essential.map(|image| image.image.as_str()).unwrap_or_default();
    match failure {
        Failure::CannotPull => {
            let host = image.split('/').next().unwrap_or_default();
            not_started(
                failure,
                format!(
                    "CannotPullContainerError: The task cannot pull {image} from the registry {image}. There is a \
                     connection issue between the task and the registry. Check your task network configuration. : \
                     failed to copy: httpReadSeeker: failed open: failed to do request: Get https://{host}/v2/: \
                     dial tcp 10.0.3.17:443: i/o timeout"
                ),
            )
        }
        Failure::SecretMissing => {
            let invented = || {
                service.place.arn(
                    "secretsmanager",
                    &format!("secret:{}/settings-Xb41kQ", service.name),
                )
            };
            let secret = revision.secret.clone().unwrap_or_else(invented);
            let request = uuid(&Sha256::digest(&secret));
            not_started(
                failure,
                format!(
                    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                     retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): \
                     failed to fetch secret {secret} from secrets manager: operation error Secrets Manager: \
                     GetSecretValue, https response error StatusCode: 400, RequestID: {request}, \
                     ResourceNotFoundException: Secrets Manager can't find the specified secret."
                ),
            )
        }
        Failure::Exits { code } => exited(failure, code, None),
        Failure::OutOfMemory => exited(
            failure,
            137,
            Some("OutOfMemoryError: Container killed due to memory usage".into()),
        ),
        // Stuck and unplaceable tasks do not end by themselves; `fate` has dealt with them.
        Failure::HealthCheck | Failure::Stuck | Failure::NoCapacity => Ending {
            failure: Some(failure),
            stop_code: "ServiceSchedulerInitiated",
            stopped_reason: "Task failed container health checks".into(),
            exit_code: Some(143),
            container_reason: None,
        },
    }
}

fn not_started(failure: Failure, text: String) -> Ending {
    Ending {
        failure: Some(failure),
        stop_code: "TaskFailedToStart",
        container_reason: (failure == Failure::CannotPull).then(|| text.clone()),
        stopped_reason: text,
        exit_code: None,
    }
}

fn exited(failure: Failure, code: i32, container_reason: Option<String>) -> Ending {
    Ending {
        failure: Some(failure),
        stop_code: "EssentialContainerExited",
        stopped_reason: "Essential container in task exited".into(),
        exit_code: Some(code),
        container_reason,
    }
}

/// A task that the scheduler stops because it is not needed any more.
pub(crate) fn scaled_in(number: u64, was_running: bool) -> Ending {
    Ending {
        failure: None,
        stop_code: "ServiceSchedulerInitiated",
        stopped_reason: format!("Scaling activity initiated by (deployment ecs-svc/{number})"),
        exit_code: was_running.then_some(0),
        container_reason: None,
    }
}
