//! What pages ask of the audit.

use async_trait::async_trait;

use super::{AuditFilter, AuditPage};
use crate::account::Actor;
use crate::error::ApiError;

/// Reading the audit.
#[async_trait]
pub trait AuditPort: Send + Sync {
    /// A page of entries.
    async fn entries(&self, actor: &Actor, filter: AuditFilter) -> Result<AuditPage, ApiError>;
}
