//! Pull requests as the forge's webhooks tell of them, and whose work commits are by them.
//!
//! Recording is monotone, so that the order in which deliveries arrive and how often they are repeated make no
//! difference: who opened a pull request and as which commit it was merged are filled in by the first news that knows
//! it; its head and its base are those of the newest news.

use std::collections::BTreeSet;

use app::text::Millis;
use sqlx::FromRow;

use crate::db::{Db, Tx};
use crate::git::{Commit, short};
use crate::policy::Environment;

/// How GitHub calls whoever deleted their account.
const GONE: &str = "ghost";

/// News of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestNews {
    /// Its number in the repository it is into.
    pub number: i64,
    /// Who opened it; nothing where that account is gone.
    pub author_login: Option<String>,
    /// The newest commit it proposes.
    pub head_commit: String,
    /// The repository that commit is in: a fork's is another; empty where that is gone.
    pub head_repository: String,
    /// The branch it is into.
    pub base_branch: String,
    /// What it became on that branch: a merge commit, a squashed commit, or the last of those that were rebased.
    pub merge_commit: Option<String>,
    /// When it was merged.
    pub merged_at: Option<Millis>,
    /// Nobody works on it any more.
    pub closed: bool,
    /// As of when this is.
    pub updated_at: Millis,
}

impl PullRequestNews {
    /// "pull request #7 of acme/checkout by ada was merged into main as 77aa01c"
    pub fn in_words(&self, repository: &str) -> String {
        let Self {
            number, base_branch, ..
        } = self;
        let author = self.author_login.as_deref().unwrap_or(GONE);
        let what = match (self.merged_at, &self.merge_commit) {
            (Some(_), Some(commit)) => format!("was merged into {base_branch} as {}", short(commit)),
            (Some(_), None) => format!("was merged into {base_branch}"),
            (None, _) if self.closed => "was closed without a merge".to_owned(),
            (None, _) => format!("is to bring {} into {base_branch}", short(&self.head_commit)),
        };
        format!("pull request #{number} of {repository} by {author} {what}")
    }
}

/// Records news of a pull request of a repository (its id). Gives whether that is news: of who opened it, what it
/// proposes, or its merge.
///
/// # Errors
/// The database does not answer.
pub async fn record(tx: &mut Tx, repository_id: &str, news: &PullRequestNews) -> sqlx::Result<bool> {
    let mut changes = sqlx::query(
        "INSERT INTO pull_request (repository_id, number, author_login, head_commit, head_repository, base_branch,
                                   merge_commit, merged_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (repository_id, number) DO NOTHING",
    )
    .bind(repository_id)
    .bind(news.number)
    .bind(&news.author_login)
    .bind(&news.head_commit)
    .bind(&news.head_repository)
    .bind(&news.base_branch)
    .bind(&news.merge_commit)
    .bind(news.merged_at)
    .bind(news.updated_at)
    .execute(tx.connection())
    .await?
    .rows_affected();
    if changes == 0 {
        changes += fill_in(tx, repository_id, news).await?;
        changes += move_on(tx, repository_id, news).await?;
    }
    if changes > 0 {
        // Whoever opened it is now an author of what it brought.
        tx.changes_verdicts();
        tx.event("train", "");
    }
    Ok(changes > 0)
}

/// What never changes once it is known.
async fn fill_in(tx: &mut Tx, repository_id: &str, news: &PullRequestNews) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "UPDATE pull_request SET author_login = COALESCE(author_login, $3), merge_commit = COALESCE(merge_commit, $4),
                                 merged_at = COALESCE(merged_at, $5)
         WHERE repository_id = $1 AND number = $2
           AND (COALESCE(author_login, '') <> COALESCE(author_login, $3, '')
             OR COALESCE(merge_commit, '') <> COALESCE(merge_commit, $4, '')
             OR COALESCE(merged_at, -1) <> COALESCE(merged_at, $5, -1))",
    )
    .bind(repository_id)
    .bind(news.number)
    .bind(&news.author_login)
    .bind(&news.merge_commit)
    .bind(news.merged_at)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// What changes as long as it is open. Of two words of the same second the greater stays, whichever came first.
async fn move_on(tx: &mut Tx, repository_id: &str, news: &PullRequestNews) -> sqlx::Result<u64> {
    let moved = sqlx::query(
        "UPDATE pull_request SET head_commit = $3, head_repository = $4, base_branch = $5, updated_at = $6
         WHERE repository_id = $1 AND number = $2
           AND (head_commit <> $3 OR head_repository <> $4 OR base_branch <> $5)
           AND (updated_at < $6 OR (updated_at = $6 AND (head_commit < $3
             OR (head_commit = $3 AND (base_branch < $5
             OR (base_branch = $5 AND head_repository < $4))))))",
    )
    .bind(repository_id)
    .bind(news.number)
    .bind(&news.head_commit)
    .bind(&news.head_repository)
    .bind(&news.base_branch)
    .bind(news.updated_at)
    .execute(tx.connection())
    .await?
    .rows_affected();
    // A label or a comment: nothing that is kept here, but older news must not come after it.
    sqlx::query(
        "UPDATE pull_request SET updated_at = $3 WHERE repository_id = $1 AND number = $2 AND updated_at < $3",
    )
    .bind(repository_id)
    .bind(news.number)
    .bind(news.updated_at)
    .execute(tx.connection())
    .await?;
    Ok(moved)
}

#[derive(FromRow)]
struct Row {
    number: i64,
    author_login: Option<String>,
    head_commit: String,
    head_repository: String,
    base_branch: String,
    merge_commit: Option<String>,
}

/// Logins of those who opened the pull requests that brought commits of a repository on their way to an environment:
///
/// - merged as one of the commits;
/// - named by one of them as the forge's merge button does it: where news of the merge were lost, and where a squashed
///   commit was picked to another branch;
/// - with one of them as head, from a branch of the repository itself into a branch that may enter the environment. Not
///   so from a fork, where any stranger could name any commit, nor where `main` is brought back to `develop`.
///
/// # Errors
/// The database does not answer.
pub async fn authors(
    db: &Db,
    repository: &str,
    commits: &[Commit],
    environment: &Environment,
) -> sqlx::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for eight in commits.chunks(8) {
        let mut query = sqlx::query_as(
            "SELECT number, author_login, head_commit, head_repository, base_branch, merge_commit FROM pull_request
             WHERE repository_id = (SELECT id FROM repository WHERE name = $1)
               AND (merge_commit IN ($2, $3, $4, $5, $6, $7, $8, $9)
                 OR head_commit IN ($2, $3, $4, $5, $6, $7, $8, $9)
                 OR number IN ($10, $11, $12, $13, $14, $15, $16, $17))",
        )
        .bind(repository);
        for place in 0..8 {
            query = query.bind(eight.get(place).map(|commit| commit.id.as_str()));
        }
        for place in 0..8 {
            query = query.bind(eight.get(place).and_then(|commit| named(&commit.subject)));
        }
        let rows: Vec<Row> = query.fetch_all(db.read()).await?;
        for row in rows {
            let is_head = eight.iter().any(|commit| commit.id == row.head_commit);
            let came_as_head = is_head
                && row.head_repository.eq_ignore_ascii_case(repository)
                && environment.allows_branch(&row.base_branch);
            let merged = eight.iter().any(|commit| {
                Some(&commit.id) == row.merge_commit.as_ref() || named(&commit.subject) == Some(row.number)
            });
            if merged || came_as_head {
                found.insert(row.author_login.unwrap_or_else(|| GONE.to_owned()));
            }
        }
    }
    Ok(found)
}

/// The number in "Merge pull request #7 from acme/basket" and in "Count the basket (#7)".
fn named(subject: &str) -> Option<i64> {
    let merged = subject
        .strip_prefix("Merge pull request #")
        .and_then(|rest| rest.split(' ').next());
    let squashed = || Some(subject.strip_suffix(')')?.rsplit_once("(#")?.1);
    merged.or_else(squashed)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_names_its_pull_request_as_the_merge_button_does() {
        assert_eq!(named("Merge pull request #7 from acme/basket"), Some(7));
        assert_eq!(named("Count the basket (#12)"), Some(12));
        assert_eq!(named("Count (again) (#3) (#12)"), Some(12));
        for other in [
            "Count the basket",
            "Mend #7",
            "Revert \"Count the basket (#12)\"",
            "Merge branch 'main' into develop",
            "Count (#x)",
            "",
        ] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
