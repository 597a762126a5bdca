//! What trains ask of Git: ancestry, branches, authors. The mirrors answer; tests may answer in their place.

use async_trait::async_trait;

use crate::git::{Commit, Mirrors};

/// The history of repositories, from what is known here; never over the network.
#[async_trait]
pub trait History: Send + Sync {
    /// Whether `descendant` contains `ancestor`; `None` where one of them is not known.
    async fn is_ancestor(
        &self,
        repository: &str,
        ancestor: &str,
        descendant: &str,
    ) -> anyhow::Result<Option<bool>>;

    /// Branches that contain a commit; none where it is not known.
    async fn branches_containing(&self, repository: &str, commit: &str) -> anyhow::Result<Vec<String>>;

    /// Commits in `to` that are not in `from`, newest first, at most `limit`; `None` where one is not known.
    async fn commits_between(
        &self,
        repository: &str,
        from: Option<&str>,
        to: &str,
        limit: usize,
    ) -> anyhow::Result<Option<Vec<Commit>>>;

    /// How many commits there are in `to` that are not in `from`; `None` where one is not known.
    async fn count_between(&self, repository: &str, from: &str, to: &str) -> anyhow::Result<Option<u64>>;
}

#[async_trait]
impl History for Mirrors {
    async fn is_ancestor(
        &self,
        repository: &str,
        ancestor: &str,
        descendant: &str,
    ) -> anyhow::Result<Option<bool>> {
        self.is_ancestor(repository, ancestor, descendant).await
    }

    async fn branches_containing(&self, repository: &str, commit: &str) -> anyhow::Result<Vec<String>> {
        self.branches_containing(repository, commit).await
    }

    async fn commits_between(
        &self,
        repository: &str,
        from: Option<&str>,
        to: &str,
        limit: usize,
    ) -> anyhow::Result<Option<Vec<Commit>>> {
        self.commits_between(repository, from, to, limit).await
    }

    async fn count_between(&self, repository: &str, from: &str, to: &str) -> anyhow::Result<Option<u64>> {
        self.count_between(repository, Some(from), to).await
    }
}
