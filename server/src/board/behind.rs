//! How many commits a slot is behind its line's source branch. Asking Git costs a process, so counts are kept: two
//! commits never change what lies between them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::git::Mirrors;

/// Counted while a page waits; the rest is counted behind its back.
const AT_ONCE: usize = 16;
/// Counts kept.
const KEPT: usize = 20_000;

/// Repository, commit that runs, head of the branch.
pub type Span = (String, String, String);

/// Counts.
#[derive(Clone)]
pub struct Behind(Arc<Inner>);

struct Inner {
    mirrors: Mirrors,
    counts: Mutex<HashMap<Span, i64>>,
    busy: AtomicBool,
}

impl Behind {
    /// From the mirrors.
    pub fn new(mirrors: Mirrors) -> Self {
        Self(Arc::new(Inner {
            mirrors,
            counts: Mutex::default(),
            busy: AtomicBool::new(false),
        }))
    }

    /// The counts that can be told now; those that cannot are left out.
    pub async fn counts(&self, mut spans: Vec<Span>) -> HashMap<Span, i64> {
        spans.sort_unstable();
        spans.dedup();
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for span in spans {
            match self.0.known(&span) {
                Some(count) => {
                    found.insert(span, count);
                }
                None => missing.push(span),
            }
        }
        let later = missing.split_off(missing.len().min(AT_ONCE));
        for span in missing {
            if let Some(count) = self.0.count(&span).await {
                found.insert(span, count);
            }
        }
        if !later.is_empty() && !self.0.busy.swap(true, Ordering::AcqRel) {
            let inner = self.0.clone();
            tokio::spawn(async move {
                for span in later {
                    inner.count(&span).await;
                }
                inner.busy.store(false, Ordering::Release);
            });
        }
        found
    }
}

impl Inner {
    fn known(&self, (repository, from, head): &Span) -> Option<i64> {
        if from == head {
            return Some(0);
        }
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .get(&(repository.clone(), from.clone(), head.clone()))
            .copied()
    }

    async fn count(&self, span: &Span) -> Option<i64> {
        let (repository, from, head) = span;
        let count = match self.mirrors.count_between(repository, Some(from), head).await {
            Ok(count) => i64::try_from(count?).ok()?,
            Err(cause) => {
                tracing::debug!(name: "board.behind", repository, cause = format!("{cause:#}"), "commits cannot be counted");
                return None;
            }
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= KEPT {
            counts.clear();
        }
        counts.insert(span.clone(), count);
        Some(count)
    }
}
