//! Errors as AWS words them.

use thiserror::Error;

/// An error answer of a simulated AWS service.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// HTTP status: 400, or 500 for `ServerException`.
    pub status: u16,
    /// The error's name, like `ClusterNotFoundException`.
    pub code: String,
    /// The sentence that goes with it.
    pub message: String,
}

impl AwsError {
    /// An error of the caller.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: code.into(),
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(crate) fn client(message: impl Into<String>) -> Self {
        Self::new("ClientException", message)
    }

    pub(crate) fn unknown_operation(service: &str, operation: &str) -> Self {
        let message = format!("The simulated {service} has no operation {operation}.");
        Self::new("UnknownOperationException", message)
    }

    pub(crate) fn cluster_not_found() -> Self {
        Self::new("ClusterNotFoundException", "Cluster not found.")
    }

    pub(crate) fn cluster_inactive() -> Self {
        Self::new("ClusterNotFoundException", "The referenced cluster was inactive.")
    }

    pub(crate) fn service_not_found() -> Self {
        Self::new("ServiceNotFoundException", "Service not found.")
    }
}
