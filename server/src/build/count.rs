//! Whether a build counts for its branch: only where it is of a push to the repository itself, and the mirror's branch
//! contains its commit. What a webhook says about the branch proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::FromRow;

use super::merge::RunNews;
use crate::db::{Db, Tx};
use crate::git::store::Repository;
use crate::git::{GitError, Mirror, short};

/// Why a run can never count, whatever the mirror holds.
pub fn refusal(news: &RunNews, repository: &str) -> Option<String> {
    if news.head_repository.is_empty() {
        Some("the repository it came from is gone".to_owned())
    } else if !news.head_repository.eq_ignore_ascii_case(repository) {
        Some(format!("came from the fork {}", news.head_repository))
    } else if news.event != "push" {
        Some(format!("was set off by {}, not by a push", news.event))
    } else if news.branch.is_empty() {
        Some("does not say its branch".to_owned())
    } else {
        None
    }
}

#[derive(FromRow)]
struct Candidate {
    id: String,
    branch: String,
    commit_id: String,
    counts: Option<i64>,
    counts_why: Option<String>,
}

/// What the mirror says about one build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    build_id: String,
    why_not: Option<String>,
}

/// Judges the builds whose standing may have changed now that a repository's branches went from `before` to `after`.
///
/// # Errors
/// The database or the mirror cannot be read.
pub async fn judge(
    db: &Db,
    repository: &Repository,
    mirror: &Mirror,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> anyhow::Result<Vec<Verdict>> {
    let rewound = rewound(mirror, before, after).await?;
    let candidates: Vec<Candidate> = sqlx::query_as(
        "SELECT id, branch, commit_id, counts, counts_why FROM build
         WHERE repository_id = $1 AND event = 'push' AND LOWER(head_repository) = LOWER($2)
           AND ($3 = 1 OR counts IS NULL OR counts = 0)",
    )
    .bind(&repository.id)
    .bind(&repository.name)
    .bind(i64::from(!rewound.is_empty()))
    .fetch_all(db.read())
    .await?;
    let mut by_branch: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for candidate in &candidates {
        let branch = candidate.branch.as_str();
        let look = match candidate.counts {
            None => true,
            Some(1) => rewound.contains(branch),
            Some(_) => before.get(branch) != after.get(branch),
        };
        if look {
            by_branch.entry(branch).or_default().push(candidate);
        }
    }
    let commits: Vec<&str> = by_branch
        .values()
        .flatten()
        .map(|candidate| candidate.commit_id.as_str())
        .collect();
    let known = mirror.known(&commits).await?;
    let mut verdicts = Vec::new();
    for (branch, candidates) in by_branch {
        let head = after.get(branch);
        let missing = match head {
            Some(head) => not_contained(mirror, head, &candidates, &known).await?,
            None => BTreeSet::new(),
        };
        for candidate in candidates {
            let commit = candidate.commit_id.as_str();
            let why_not = if head.is_none() {
                Some(format!("branch {branch} does not exist in {}", repository.name))
            } else if !known.contains(commit) {
                Some(format!("commit {} is not in {}", short(commit), repository.name))
            } else if missing.contains(commit) {
                Some(format!(
                    "branch {branch} does not contain commit {}",
                    short(commit)
                ))
            } else {
                None
            };
            let counts = i64::from(why_not.is_none());
            if candidate.counts != Some(counts) || candidate.counts_why != why_not {
                verdicts.push(Verdict {
                    build_id: candidate.id.clone(),
                    why_not,
                });
            }
        }
    }
    Ok(verdicts)
}

/// Writes verdicts, in the transaction that writes the branches they were made from.
///
/// # Errors
/// The database does not answer.
pub async fn put(tx: &mut Tx, verdicts: &[Verdict]) -> sqlx::Result<()> {
    for verdict in verdicts {
        sqlx::query("UPDATE build SET counts = $2, counts_why = $3 WHERE id = $1")
            .bind(&verdict.build_id)
            .bind(i64::from(verdict.why_not.is_none()))
            .bind(&verdict.why_not)
            .execute(tx.connection())
            .await?;
        tx.event("build", verdict.build_id.as_str());
    }
    if verdicts.iter().any(|verdict| verdict.why_not.is_some()) {
        tx.changes_verdicts();
    }
    Ok(())
}

/// Branches that no longer contain all they contained: deleted, or moved to something that does not follow.
async fn rewound<'a>(
    mirror: &Mirror,
    before: &'a BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Result<BTreeSet<&'a str>, GitError> {
    let mut rewound = BTreeSet::new();
    for (branch, old) in before {
        let lost = match after.get(branch) {
            None => true,
            Some(new) if new == old => false,
            Some(new) => mirror.is_ancestor(old, new).await? != Some(true),
        };
        if lost {
            rewound.insert(branch.as_str());
        }
    }
    Ok(rewound)
}

async fn not_contained(
    mirror: &Mirror,
    head: &str,
    candidates: &[&Candidate],
    known: &BTreeSet<String>,
) -> Result<BTreeSet<String>, GitError> {
    let commits: BTreeSet<String> = candidates
        .iter()
        .map(|candidate| candidate.commit_id.clone())
        .filter(|commit| known.contains(commit))
        .collect();
    if commits.is_empty() {
        return Ok(commits);
    }
    mirror.not_contained(head, &commits).await
}
