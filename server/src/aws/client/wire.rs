//! Task definitions as they stand on the wire. The SDK's types know the fields of the day they were made; what they do
//! not know would be lost between describing and registering. So the answer's own JSON is kept, and the request's body
//! is replaced by ours.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use serde_json::Value;

/// What AWS adds to a task definition when it registers it.
const ADDED: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "deregisteredAt",
    "deleteRequestedAt",
    "registeredBy",
];

/// Keeps the body of the newest answer.
#[derive(Debug, Clone, Default)]
pub(super) struct KeepBody(Arc<Mutex<Option<Vec<u8>>>>);

impl KeepBody {
    /// What would register the described task definition again.
    pub(super) fn content(&self) -> Option<Value> {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let mut answer: Value = serde_json::from_slice(&body).ok()?;
        let mut content = answer.get_mut("taskDefinition")?.take();
        let fields = content.as_object_mut()?;
        for added in ADDED {
            fields.remove(added);
        }
        Some(content)
    }
}

impl Intercept for KeepBody {
    fn name(&self) -> &'static str {
        "KeepBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Only now has the body been read into memory.
        let body = context.response().body().bytes().map(<[u8]>::to_vec);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        Ok(())
    }
}

/// Sends another body than the typed input would.
#[derive(Debug)]
pub(super) struct SendBody(pub(super) String);

impl Intercept for SendBody {
    fn name(&self) -> &'static str {
        "SendBody"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request
            .headers_mut()
            .insert("content-length", self.0.len().to_string());
        *request.body_mut() = self.0.clone().into();
        Ok(())
    }
}
