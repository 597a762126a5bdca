//! The audit as pages see it.

use serde::{Deserialize, Serialize};

use crate::text::Millis;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// Who: the name to show.
    pub actor: String,
    /// What, as `train.depart`.
    pub action: String,
    /// On what, as `production #42`.
    pub subject: String,
    /// Where the subject is shown.
    pub href: Option<String>,
    /// Why, and what else is known: name and value.
    pub details: Vec<(String, String)>,
    /// First characters of the entry's seal.
    pub seal: String,
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditFilter {
    /// Text in the actor's name.
    pub actor: Option<String>,
    /// Beginning of the action.
    pub action: Option<String>,
    /// Text in the subject.
    pub subject: Option<String>,
    /// Only entries before this place.
    pub before: Option<i64>,
}

/// One page of the audit, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// At most fifty.
    pub entries: Vec<AuditEntry>,
    /// The `before` of the next page.
    pub next: Option<i64>,
    /// Whether the chain was intact when last verified, in a sentence.
    pub chain: String,
}
