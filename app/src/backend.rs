//! The doors from the pages to the server: one struct of ports, provided once for pages and server functions.
//! A port that the server does not implement does not compile.

use std::sync::Arc;

use leptos::prelude::use_context;

use crate::account::{AccountPort, Actor};
use crate::audit::AuditPort;
use crate::board::BoardPort;
use crate::build::BuildPort;
use crate::deployment::DeploymentPort;
use crate::environment::EnvironmentPort;
use crate::error::ApiError;
use crate::metric::MetricPort;
use crate::service::ServicePort;
use crate::train::TrainPort;

/// Everything that pages may ask of the server.
#[derive(Clone)]
#[expect(missing_docs, reason = "each port documents itself")]
pub struct Backend {
    pub account: Arc<dyn AccountPort>,
    pub audit: Arc<dyn AuditPort>,
    pub board: Arc<dyn BoardPort>,
    pub build: Arc<dyn BuildPort>,
    pub deployment: Arc<dyn DeploymentPort>,
    pub environment: Arc<dyn EnvironmentPort>,
    pub metric: Arc<dyn MetricPort>,
    pub service: Arc<dyn ServicePort>,
    pub train: Arc<dyn TrainPort>,
    pub reply: Arc<dyn ReplyPort>,
}

/// What a page or server function may say about the HTTP answer. `leptos_axum` stays out of this package.
pub trait ReplyPort: Send + Sync {
    /// Sets the HTTP status of the answer that is being made.
    fn status(&self, status: u16);
    /// Answers with a redirect to a path of our own.
    fn redirect(&self, path: &str);
}

/// The ports of this request.
///
/// # Errors
/// Where no server is behind the page: while routes are listed at start, or after the client hung up.
pub fn backend() -> Result<Backend, ApiError> {
    use_context::<Backend>().ok_or_else(|| ApiError::Unavailable("The server is not ready.".to_owned()))
}

/// The person behind this request.
///
/// # Errors
/// [`ApiError::Unauthenticated`] where nobody is logged in.
pub fn actor() -> Result<Actor, ApiError> {
    use_context::<Actor>().ok_or(ApiError::Unauthenticated)
}

/// Passes an outcome on, with its HTTP status set on the answer.
///
/// # Errors
/// The error it was given.
pub fn answer<T>(outcome: Result<T, ApiError>) -> Result<T, ApiError> {
    if let (Err(error), Some(backend)) = (&outcome, use_context::<Backend>()) {
        backend.reply.status(error.status());
    }
    outcome
}
