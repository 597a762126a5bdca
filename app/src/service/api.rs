//! Server functions about services.
#![expect(
    missing_docs,
    reason = "the fields that the macro makes are the arguments, and their function says what they are"
)]

use leptos::prelude::*;

use super::{ServiceView, Unmapped};
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// One service with its slots.
#[server(name = LoadService, prefix = "/ui", endpoint = "service/service")]
pub async fn load_service(name: String) -> Result<ServiceView, ApiError> {
    answer(backend()?.service.service(&actor()?, &name).await)
}

/// ECS services that belong to no slot.
#[server(name = LoadUnmapped, prefix = "/ui", endpoint = "service/unmapped")]
pub async fn load_unmapped() -> Result<Unmapped, ApiError> {
    answer(backend()?.service.unmapped(&actor()?).await)
}

/// Says which service and container an ECS service is.
#[server(name = MapService, prefix = "/ui", endpoint = "service/map")]
pub async fn map_service(arn: String, service: String, container: String) -> Result<(), ApiError> {
    answer(
        backend()?
            .service
            .map(&actor()?, &arn, &service, &container)
            .await,
    )
}
