//! What forges tell, in our words: each forge's payloads become [`News`], and nothing after this knows a forge.

pub mod github;

use crate::build::merge::{JobNews, RunNews};
use crate::pull_request::PullRequestNews;

/// The repository a delivery is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryNews {
    /// `acme/checkout`
    pub name: String,
    /// Where the forge says to clone it from: taken only where the configuration allows it.
    pub clone_url: Option<String>,
    /// `main`
    pub default_branch: Option<String>,
}

/// What a delivery tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A branch moved, came or went.
    Push {
        /// Which.
        branch: String,
        /// Where to; nothing where it was deleted.
        head: Option<String>,
    },
    /// A CI run.
    Run(Box<RunNews>),
    /// A job of a CI run.
    Job(Box<JobNews>),
    /// A pull request.
    PullRequest(Box<PullRequestNews>),
}

/// A delivery as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// `workflow_run.completed`
    pub event: String,
    /// Of which repository.
    pub repository: RepositoryNews,
    /// What happened.
    pub fact: Fact,
}

/// Why a delivery tells us nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoNews {
    /// Nothing in it concerns us.
    Ignored(String),
    /// It is not what its event should be.
    Unreadable(String),
}

/// Text from outside: without control characters (PostgreSQL stores no NUL, and terminals obey the others), and short.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(500)
        .collect()
}
