//! What an SDK error means to us, by its kind, the code AWS gave and the HTTP status.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use crate::aws::{AwsError, Purpose, Scope};
use crate::config::AwsConfig;

/// Errors of one role in one account and region, with the settings that decide whom we ask and as whom.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    /// Where AWS is looked for.
    address: String,
    /// Who we are there.
    identity: String,
}

impl Faults {
    /// From what is configured; no account stands for one that only policy names.
    pub(super) fn new(config: &AwsConfig, scope: &Scope, purpose: Purpose) -> Self {
        let account = config.accounts.iter().find(|account| account.id == scope.account);
        let entry = format!("[[aws.account]] {}", scope.account);
        let address = match &config.endpoint_url {
            Some(url) => format!("aws.endpoint_url, {url}"),
            None => format!("the network, and the regions of {entry}"),
        };
        let ours = if config.access_key_id.is_some() {
            "aws.access_key_id"
        } else {
            "the credentials of the environment (variables, profile, container or instance)"
        };
        let role = purpose.setting();
        let identity = match account.and_then(|account| purpose.role_of(account)) {
            Some(arn) => format!("{role} of {entry}, {arn}, and {ours}, by which it is assumed"),
            None => format!("{ours}: {entry} names no {role}"),
        };
        Self { address, identity }
    }

    /// Classifies the error of an operation, and says which setting to look at where one may be wrong.
    pub(super) fn of<E>(&self, operation: &str, cause: SdkError<E, HttpResponse>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match of(operation, cause) {
            AwsError::Unreachable(text) => {
                AwsError::Unreachable(format!("{text} (look at {})", self.address))
            }
            AwsError::Credentials(text) => {
                AwsError::Credentials(format!("{text} (look at {})", self.identity))
            }
            AwsError::Denied(text) => AwsError::Denied(format!("{text} (look at {})", self.identity)),
            other => other,
        }
    }
}

/// Classifies the error of an operation.
fn of<E>(operation: &str, cause: SdkError<E, HttpResponse>) -> AwsError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    if let Some(found) = credentials(&cause) {
        return found;
    }
    let status = cause.raw_response().map(|response| response.status().as_u16());
    match &cause {
        SdkError::ServiceError(context) => {
            let told = context.err().meta();
            by_code(operation, told.code(), told.message(), status)
        }
        SdkError::ConstructionFailure(_) => AwsError::Invalid(format!("{operation}: {}", chain(&cause))),
        SdkError::ResponseError(_) if matches!(status, Some(404 | 501)) => {
            AwsError::Unsupported(operation.to_owned())
        }
        SdkError::TimeoutError(_) => AwsError::Unreachable(format!("{operation}: no answer in time")),
        _ => AwsError::Unreachable(format!("{operation}: {}", chain(&cause))),
    }
}

fn by_code(operation: &str, code: Option<&str>, message: Option<&str>, status: Option<u16>) -> AwsError {
    let name = code
        .unwrap_or_default()
        .rsplit(['#', '.'])
        .next()
        .unwrap_or_default();
    let said = message.unwrap_or("no further words");
    let text = if name.is_empty() {
        format!("{operation}: {said}")
    } else {
        format!("{operation}: {name}: {said}")
    };
    let server_fault = status.is_some_and(|status| status >= 500);
    match name {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown" => AwsError::Throttled(text),
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" | "UnauthorizedException" => {
            AwsError::Denied(text)
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "RequestExpired" => AwsError::Credentials(text),
        "UnknownOperationException"
        | "UnknownOperation"
        | "UnsupportedOperation"
        | "NotImplemented"
        | "NotImplementedException"
        | "NotImplementedError"
        | "InvalidAction" => AwsError::Unsupported(operation.to_owned()),
        "" if matches!(status, Some(404 | 405)) => AwsError::Unsupported(operation.to_owned()),
        _ if status == Some(501) => AwsError::Unsupported(operation.to_owned()),
        // ECS says so for a task definition that does not exist.
        "ClientException" if said.contains("Unable to describe task definition") => AwsError::NotFound(text),
        "ServerException"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServiceFault"
        | "InternalServiceError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => AwsError::Unreachable(text),
        _ if server_fault => AwsError::Unreachable(text),
        _ if name.contains("NotFound") => AwsError::NotFound(text),
        // Not from AWS: a proxy's page, an error without a code.
        "" => AwsError::Unreachable(text),
        _ => AwsError::Invalid(text),
    }
}

/// Credentials are looked for below the call; a call that failed for want of them was never sent.
fn credentials(cause: &(dyn Error + 'static)) -> Option<AwsError> {
    let found = sources(cause).find_map(|one| one.downcast_ref::<CredentialsError>())?;
    let assume = sources(found).find_map(|one| one.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>());
    Some(match assume {
        Some(SdkError::ServiceError(context)) => {
            let told = context.err().meta();
            let status = Some(context.raw().status().as_u16());
            by_code("AssumeRole", told.code(), told.message(), status)
        }
        Some(SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_)) => {
            AwsError::Unreachable(format!("AssumeRole: {}", chain(found)))
        }
        _ => AwsError::Credentials(match found {
            CredentialsError::CredentialsNotLoaded(_) => {
                "there are none in the environment (variables, profile, container or instance)".to_owned()
            }
            _ => chain(found),
        }),
    })
}

fn sources<'a>(cause: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(cause), |one: &&'a (dyn Error + 'static)| (*one).source())
}

/// An error and its causes in one line.
fn chain(cause: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for one in sources(cause) {
        let text = one.to_string();
        if said.last() != Some(&text) {
            said.push(text);
        }
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_and_only_a_silent_or_broken_server_leaves_doubt() {
        let of = |code: &str, status| by_code("UpdateService", Some(code), Some("words"), Some(status));
        assert!(matches!(of("ThrottlingException", 400), AwsError::Throttled(_)));
        assert!(matches!(of("AccessDeniedException", 400), AwsError::Denied(_)));
        assert!(matches!(
            of("ExpiredTokenException", 400),
            AwsError::Credentials(_)
        ));
        assert!(matches!(
            of("ServiceNotFoundException", 400),
            AwsError::NotFound(_)
        ));
        assert!(matches!(
            of("InvalidParameterException", 400),
            AwsError::Invalid(_)
        ));
        assert!(matches!(
            of("UnknownOperationException", 400),
            AwsError::Unsupported(_)
        ));
        assert!(matches!(of("ServerException", 500), AwsError::Unreachable(_)));
        assert!(matches!(of("Weird", 503), AwsError::Unreachable(_)));
        assert_eq!(
            of("com.amazonaws.ecs#ClientException", 400),
            AwsError::Invalid("UpdateService: ClientException: words".to_owned())
        );
    }
}
