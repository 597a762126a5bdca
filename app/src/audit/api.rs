//! What the browser may ask of the audit.

#![expect(missing_docs, reason = "the macro makes a public field of every argument")]

use leptos::prelude::*;

use super::{AuditFilter, AuditPage};
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// A page of the audit.
#[server(prefix = "/ui", endpoint = "audit/list")]
pub async fn load_audit(#[server(default)] filter: AuditFilter) -> Result<AuditPage, ApiError> {
    answer(backend()?.audit.entries(&actor()?, filter).await)
}
