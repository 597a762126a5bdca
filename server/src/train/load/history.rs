//! What Git knows about the commits that matter.

use std::sync::PoisonError;

use super::Loader;
use crate::train::facts::Ancestry;

impl Loader {
    pub(super) async fn contains(
        &self,
        repository: &str,
        ancestor: &str,
        descendant: &str,
        ancestry: &mut Ancestry,
    ) {
        let key = (repository.to_owned(), ancestor.to_owned(), descendant.to_owned());
        let remembered = self
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .copied();
        let known = match remembered {
            Some(known) => Some(known),
            None => unknown_if_unreadable(
                self.history.is_ancestor(repository, ancestor, descendant).await,
                repository,
            ),
        };
        if let Some(known) = known {
            if remembered.is_none() {
                self.memory
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key.clone(), known);
            }
            ancestry.0.insert(key, known);
        }
    }

    pub(super) async fn branches(&self, repository: &str, commit: &str) -> Vec<String> {
        unknown_if_unreadable(
            self.history.branches_containing(repository, commit).await,
            repository,
        )
    }
}

/// A mirror that cannot be read knows nothing, and its gates wait; the other repositories go on.
fn unknown_if_unreadable<T: Default>(answer: anyhow::Result<T>, repository: &str) -> T {
    answer.unwrap_or_else(|cause| {
        tracing::warn!(name: "train.mirror", repository, cause = format!("{cause:#}"), "a mirror cannot be read");
        T::default()
    })
}
