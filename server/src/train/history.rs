//! What trains ask of Git: ancestry, branches, authors. The mirrors answer; tests may answer in their place.

use app::text::Millis;
use async_trait::async_trait;

/// A commit, as far as trains care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Full id.
    pub id: String,
    /// Author.
    pub author_name: String,
    /// Author's address.
    pub author_email: String,
    /// Committer.
    pub committer_name: String,
    /// Committer's address.
    pub committer_email: String,
    /// `Co-authored-by` names and addresses.
    pub co_authors: Vec<(String, String)>,
    /// First line.
    pub subject: String,
    /// When it was committed.
    pub committed_at: Millis,
}

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
}
