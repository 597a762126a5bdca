//! What the browser may ask about deployments and rollbacks.

#![expect(missing_docs, reason = "the macro makes a public field of every argument")]

use leptos::prelude::*;

use super::{DeploymentView, RollbackPlan};
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// One deployment.
#[server(prefix = "/ui", endpoint = "deployment/read")]
pub async fn load_deployment(id: String) -> Result<DeploymentView, ApiError> {
    answer(backend()?.deployment.deployment(&actor()?, &id).await)
}

/// What a slot could be rolled back to.
#[server(prefix = "/ui", endpoint = "deployment/rollback-plan")]
pub async fn load_rollback_plan(service: String, environment: String) -> Result<RollbackPlan, ApiError> {
    answer(
        backend()?
            .deployment
            .rollback_plan(&actor()?, &service, &environment)
            .await,
    )
}

/// Starts a rollback and leads to the page of its deployment. A form sent without a choice is told so in words.
#[server(prefix = "/ui", endpoint = "deployment/roll-back")]
pub async fn roll_back(
    service: String,
    environment: String,
    #[server(default)] digest: String,
    reason: String,
) -> Result<String, ApiError> {
    if digest.is_empty() {
        return answer(Err(ApiError::Invalid(
            "Choose the image to roll back to.".to_owned(),
        )));
    }
    let ports = backend()?;
    let started = ports
        .deployment
        .roll_back(&actor()?, &service, &environment, &digest, reason.trim())
        .await;
    if let Ok(id) = &started {
        ports.reply.redirect(&format!("/deployments/{id}"));
    }
    answer(started)
}

/// Cancels a deployment under way and puts the slot back.
#[server(prefix = "/ui", endpoint = "deployment/cancel")]
pub async fn cancel_deployment(id: String, reason: String) -> Result<(), ApiError> {
    answer(backend()?.deployment.cancel(&actor()?, &id, reason.trim()).await)
}

/// Says that a person has looked, and frees the slot.
#[server(prefix = "/ui", endpoint = "deployment/resolve")]
pub async fn resolve_deployment(id: String, reason: String) -> Result<(), ApiError> {
    answer(backend()?.deployment.resolve(&actor()?, &id, reason.trim()).await)
}

/// Says that what a deployment brought runs well, where Yardmaster could not prove it.
#[server(prefix = "/ui", endpoint = "deployment/vouch")]
pub async fn vouch_for_deployment(id: String, reason: String) -> Result<(), ApiError> {
    answer(backend()?.deployment.vouch(&actor()?, &id, reason.trim()).await)
}

/// Lets an image that failed in a slot board it again.
#[server(prefix = "/ui", endpoint = "deployment/allow-again")]
pub async fn allow_again(id: String, reason: String) -> Result<(), ApiError> {
    answer(
        backend()?
            .deployment
            .allow_again(&actor()?, &id, reason.trim())
            .await,
    )
}
