//! Repositories, branches and commits in the database.

use std::collections::BTreeMap;

use app::text::Millis;
use sqlx::FromRow;

use super::Commit;
use crate::db::{Db, Tx};

/// A repository that is mirrored.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Repository {
    /// `rep_…`
    pub id: String,
    /// `acme/checkout`
    pub name: String,
    /// `github`
    pub forge: String,
    /// Where to fetch from; empty where no allowed address is known.
    pub clone_url: String,
    /// `main`
    pub default_branch: String,
    /// When a fetch was last asked for.
    pub wanted_at: Millis,
    /// When it was last fetched.
    pub fetched_at: Option<Millis>,
    /// Why it cannot be fetched.
    pub problem: Option<String>,
}

macro_rules! select_repository {
    ($tail:literal) => {
        concat!(
            "SELECT id, name, forge, clone_url, default_branch, wanted_at, fetched_at, problem FROM repository ",
            $tail
        )
    };
}

/// Every repository, by name.
///
/// # Errors
/// The database does not answer.
pub async fn repositories(db: &Db) -> sqlx::Result<Vec<Repository>> {
    sqlx::query_as(select_repository!("ORDER BY name"))
        .fetch_all(db.read())
        .await
}

/// One repository by its name.
///
/// # Errors
/// The database does not answer.
pub async fn repository(db: &Db, name: &str) -> sqlx::Result<Option<Repository>> {
    sqlx::query_as(select_repository!("WHERE name = $1"))
        .bind(name)
        .fetch_optional(db.read())
        .await
}

/// A repository as a delivery or the configuration tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// `acme/checkout`
    pub name: &'a str,
    /// `github`
    pub forge: &'a str,
    /// Where to fetch from, or why that is not known.
    pub clone_url: Result<&'a str, &'a str>,
    /// `main`, where it was told.
    pub default_branch: Option<&'a str>,
    /// The operator says so in the configuration, and may move a repository; a delivery only introduces one.
    pub configured: bool,
}

/// Remembers a repository and gives its id. The first allowed address stays until the configuration names another.
///
/// # Errors
/// The database does not answer.
pub async fn know(tx: &mut Tx, told: &Told<'_>) -> sqlx::Result<String> {
    let (clone_url, problem) = match told.clone_url {
        Ok(url) => (url, None),
        Err(problem) => ("", Some(problem)),
    };
    let id = tx.id("rep");
    let new = sqlx::query(
        "INSERT INTO repository (id, name, forge, clone_url, default_branch, wanted_at, problem)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(&id)
    .bind(told.name)
    .bind(told.forge)
    .bind(clone_url)
    .bind(told.default_branch.unwrap_or("main"))
    .bind(tx.now())
    .bind(problem)
    .execute(tx.connection())
    .await?
    .rows_affected();
    if new == 1 {
        tx.event("repository", told.name);
        return Ok(id);
    }
    if !clone_url.is_empty() {
        sqlx::query(
            "UPDATE repository SET clone_url = $2, problem = NULL, wanted_at = wanted_at + 1
             WHERE name = $1 AND clone_url <> $2 AND (clone_url = '' OR $3 = 1)",
        )
        .bind(told.name)
        .bind(clone_url)
        .bind(i64::from(told.configured))
        .execute(tx.connection())
        .await?;
    }
    if let Some(default_branch) = told.default_branch {
        sqlx::query("UPDATE repository SET default_branch = $2 WHERE name = $1 AND default_branch <> $2")
            .bind(told.name)
            .bind(default_branch)
            .execute(tx.connection())
            .await?;
    }
    sqlx::query_scalar("SELECT id FROM repository WHERE name = $1")
        .bind(told.name)
        .fetch_one(tx.connection())
        .await
}

/// Asks for a fetch. Always later than the request before, so that one made while a fetch runs is not taken for done.
///
/// # Errors
/// The database does not answer.
pub async fn want(tx: &mut Tx, repository_id: &str) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE repository SET wanted_at = CASE WHEN wanted_at < $2 THEN $2 ELSE wanted_at + 1 END
         WHERE id = $1",
    )
    .bind(repository_id)
    .bind(now)
    .execute(tx.connection())
    .await?;
    tx.event("repository", repository_id);
    Ok(())
}

/// The branches that were last seen, and their heads.
pub(super) async fn branches(db: &Db, repository_id: &str) -> sqlx::Result<BTreeMap<String, String>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, head FROM branch WHERE repository_id = $1")
            .bind(repository_id)
            .fetch_all(db.read())
            .await?;
    Ok(rows.into_iter().collect())
}

/// Puts the branches as they are now; those that are gone are forgotten.
pub(super) async fn put_branches(
    tx: &mut Tx,
    repository_id: &str,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> sqlx::Result<()> {
    let at = tx.now();
    for (name, head) in now.iter().filter(|(name, head)| before.get(*name) != Some(head)) {
        sqlx::query(
            "INSERT INTO branch (repository_id, name, head, seen_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (repository_id, name) DO UPDATE SET head = excluded.head, seen_at = excluded.seen_at",
        )
        .bind(repository_id)
        .bind(name)
        .bind(head)
        .bind(at)
        .execute(tx.connection())
        .await?;
    }
    for name in before.keys().filter(|name| !now.contains_key(*name)) {
        sqlx::query("DELETE FROM branch WHERE repository_id = $1 AND name = $2")
            .bind(repository_id)
            .bind(name)
            .execute(tx.connection())
            .await?;
    }
    Ok(())
}

/// Adds commits; those that are there stay as they are.
pub(super) async fn add_commits(tx: &mut Tx, repository_id: &str, commits: &[Commit]) -> anyhow::Result<()> {
    for commit in commits {
        sqlx::query(
            "INSERT INTO git_commit (repository_id, id, parents, author_name, author_email, committer_name,
                                     committer_email, co_authors, subject, committed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (repository_id, id) DO NOTHING",
        )
        .bind(repository_id)
        .bind(&commit.id)
        .bind(commit.parents.join(" "))
        .bind(&commit.author_name)
        .bind(&commit.author_email)
        .bind(&commit.committer_name)
        .bind(&commit.committer_email)
        .bind(serde_json::to_string(&commit.co_authors)?)
        .bind(&commit.subject)
        .bind(commit.committed_at)
        .execute(tx.connection())
        .await?;
    }
    Ok(())
}

/// Says how a fetch went; an event only where that is news.
pub(super) async fn put_fetched(
    tx: &mut Tx,
    repository: &Repository,
    outcome: Result<Millis, &str>,
) -> sqlx::Result<()> {
    let (fetched_at, problem) = match outcome {
        Ok(at) => (Some(at), None),
        Err(problem) => (None, Some(problem)),
    };
    sqlx::query("UPDATE repository SET fetched_at = COALESCE($2, fetched_at), problem = $3 WHERE id = $1")
        .bind(&repository.id)
        .bind(fetched_at)
        .bind(problem)
        .execute(tx.connection())
        .await?;
    if repository.problem.as_deref() != problem {
        tx.event("repository", repository.name.as_str());
    }
    Ok(())
}
