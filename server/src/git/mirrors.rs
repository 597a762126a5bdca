//! All mirrors: fetched when somebody wants them and every few minutes anyway, and asked about commits.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use app::text::Millis;
use futures::StreamExt;

use super::store::{self, Repository};
use super::{Commit, Git, Mirror, is_branch_name, is_commit_id, is_repository_name};
use crate::build;
use crate::db::Db;

/// A lost webhook is made good after so long.
const POLL: Millis = 180_000;
/// The first wait after a fetch that failed; doubled each time, up to the poll.
const RETRY: Millis = 5_000;
/// How many repositories are fetched side by side.
const SIDE_BY_SIDE: usize = 4;
/// Of a repository seen for the first time, so many of its newest commits are stored; the mirror knows the rest.
const FIRST_COMMITS: usize = 20_000;
/// Commits stored in one transaction: webhooks wait no longer than this takes.
const BATCH: usize = 250;

/// The mirrors of all repositories.
#[derive(Clone)]
pub struct Mirrors(Arc<Inner>);

struct Inner {
    db: Db,
    folder: PathBuf,
    git: Git,
    poll: Millis,
    /// What this process has fetched, by repository: each replica has mirrors of its own, so the database cannot say.
    /// Locked while it is fetched.
    seen: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Seen>>>>,
}

/// How far this process is with one repository.
#[derive(Debug, Default)]
struct Seen {
    /// The `wanted_at` that the last good fetch answered.
    answered: Millis,
    /// When that fetch began.
    fetched_at: Option<Millis>,
    /// The `wanted_at` of the last fetch that failed.
    failed_for: Millis,
    failures: u32,
    retry_at: Millis,
    /// The problem that the log told of last.
    told: Option<String>,
}

impl Seen {
    fn due(&self, wanted_at: Millis, now: Millis, poll: Millis) -> bool {
        if self.failures > 0 && wanted_at == self.failed_for && now < self.retry_at {
            return false;
        }
        self.fetched_at
            .is_none_or(|at| wanted_at > self.answered || now >= at.saturating_add(poll))
    }

    /// Says in the log what is wrong, once while it stays the same.
    fn tell(&mut self, repository: &str, problem: &str) {
        if self.told.as_deref() == Some(problem) {
            return;
        }
        tracing::warn!(
            name: "repository.missed",
            repository,
            problem,
            "a repository cannot be fetched; its address comes from source.clone_urls or, with source.clone_prefixes, from webhooks, its login from git.credentials_file"
        );
        self.told = Some(problem.to_owned());
    }
}

/// What one tick did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Round {
    /// Repositories fetched.
    pub fetched: Vec<String>,
    /// Repositories that could not be, and why.
    pub failed: Vec<(String, String)>,
    /// New commits stored.
    pub commits: usize,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} repositories fetched, {} new commits",
            self.fetched.len(),
            self.commits
        )?;
        for (name, why) in &self.failed {
            write!(f, "; {name}: {why}")?;
        }
        Ok(())
    }
}

impl Mirrors {
    /// Mirrors kept in a folder.
    pub fn new(db: Db, folder: PathBuf) -> Self {
        Self::with_git(db, folder, Git::default())
    }

    /// Mirrors fetched with a particular `git`, or with a login.
    pub fn with_git(db: Db, folder: PathBuf, git: Git) -> Self {
        Self(Arc::new(Inner {
            db,
            folder,
            git,
            poll: POLL,
            seen: Mutex::default(),
        }))
    }

    /// Fetches what is wanted or has not been fetched for a while, and is not being fetched by another tick; stores
    /// branches, commits and which builds count.
    ///
    /// # Errors
    /// There is no usable `git`, or the database does not answer. What is wrong with one repository stands beside it.
    pub async fn tick(&self) -> anyhow::Result<Round> {
        let now = self.0.db.now();
        let mut due = Vec::new();
        for repository in store::repositories(&self.0.db).await? {
            let Ok(mut seen) = self.seen(&repository.id).try_lock_owned() else {
                continue;
            };
            if repository.clone_url.is_empty() {
                if let Some(problem) = &repository.problem {
                    seen.tell(&repository.name, problem);
                }
            } else if seen.due(repository.wanted_at, now, self.0.poll) {
                due.push((seen.failures, repository));
            }
        }
        let mut round = Round::default();
        if due.is_empty() {
            return Ok(round);
        }
        self.0.git.check().await?;
        // What failed may keep its place for long: the others go first.
        due.sort_by_key(|(failures, _)| *failures);
        let mut work = futures::stream::iter(due)
            .map(|(_, repository)| async move {
                // Taken only now, so that what waits for its turn can be fetched by another tick.
                let mut seen = self.seen(&repository.id).try_lock_owned().ok()?;
                if !seen.due(repository.wanted_at, now, self.0.poll) {
                    return None;
                }
                let outcome = self.fetch(&repository, &mut seen).await;
                Some((repository, seen, outcome))
            })
            .buffer_unordered(SIDE_BY_SIDE);
        while let Some(fetched) = work.next().await {
            let Some((repository, mut seen, outcome)) = fetched else {
                continue;
            };
            match outcome {
                Ok(commits) => {
                    round.commits += commits;
                    round.fetched.push(repository.name);
                }
                Err(cause) => {
                    let why = format!("{cause:#}");
                    self.failed(&repository, &mut seen, &why).await?;
                    round.failed.push((repository.name, why));
                }
            }
        }
        round.fetched.sort();
        round.failed.sort();
        Ok(round)
    }

    async fn fetch(&self, repository: &Repository, seen: &mut Seen) -> anyhow::Result<usize> {
        let began = self.0.db.now();
        let mirror = self.mirror(&repository.name)?;
        if let Some(parent) = self.0.folder.join(&repository.name).parent() {
            tokio::fs::create_dir_all(parent)
                .await
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        mirror.fetch(&repository.clone_url).await?;
        let commits = self.store(repository, &mirror, began).await?;
        if seen.told.is_some() {
            tracing::info!(name: "repository.recovered", repository = repository.name, "a repository can be fetched again");
        }
        *seen = Seen {
            answered: repository.wanted_at,
            fetched_at: Some(began),
            ..Seen::default()
        };
        Ok(commits)
    }

    /// Compares with what the database knew, not with what the mirror held before: a crash between the two is made good.
    async fn store(&self, repository: &Repository, mirror: &Mirror, began: Millis) -> anyhow::Result<usize> {
        let db = &self.0.db;
        let before = store::branches(db, &repository.id).await?;
        let after = mirror.branches().await?;
        let moved: BTreeMap<&str, &str> = after
            .iter()
            .filter(|(name, head)| before.get(*name) != Some(head))
            .map(|(name, head)| (name.as_str(), head.as_str()))
            .collect();
        let commits = if moved.is_empty() {
            Vec::new()
        } else {
            let heads: Vec<&str> = moved.values().copied().collect();
            let old: Vec<&str> = before.values().map(String::as_str).collect();
            let known = mirror.known(&old).await?;
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            mirror.log(&heads, &known, FIRST_COMMITS).await?
        };
        for batch in commits.chunks(BATCH) {
            let mut tx = db.begin().await?;
            store::add_commits(&mut tx, &repository.id, batch).await?;
            tx.commit().await?;
        }
        let verdicts = build::count::judge(db, repository, mirror, &before, &after).await?;
        let mut tx = db.begin().await?;
        if before != after {
            store::put_branches(&mut tx, &repository.id, &before, &after).await?;
            tx.event("repository", repository.name.as_str());
        }
        store::put_fetched(&mut tx, repository, Ok(began)).await?;
        build::count::put(&mut tx, &verdicts).await?;
        tx.commit().await?;
        Ok(commits.len())
    }

    async fn failed(&self, repository: &Repository, seen: &mut Seen, why: &str) -> sqlx::Result<()> {
        let wait = RETRY.saturating_mul(1 << seen.failures.min(6)).min(self.0.poll);
        seen.failures = seen.failures.saturating_add(1);
        seen.failed_for = repository.wanted_at;
        seen.retry_at = self.0.db.now().saturating_add(wait);
        seen.tell(&repository.name, why);
        let mut tx = self.0.db.begin().await?;
        store::put_fetched(&mut tx, repository, Err(why)).await?;
        tx.commit().await
    }

    fn seen(&self, repository_id: &str) -> Arc<tokio::sync::Mutex<Seen>> {
        self.0
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(repository_id.to_owned())
            .or_default()
            .clone()
    }

    fn mirror(&self, repository: &str) -> anyhow::Result<Mirror> {
        anyhow::ensure!(
            is_repository_name(repository),
            "`{repository}` is not a repository's name"
        );
        let folder = self.0.folder.join(format!("{repository}.git"));
        Ok(Mirror::new(self.0.git.clone(), folder))
    }

    /// Whether a branch contains a commit. Not, where the mirror has no such branch or commit.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn contains(&self, repository: &str, branch: &str, commit: &str) -> anyhow::Result<bool> {
        let Some(head) = self.head(repository, branch).await? else {
            return Ok(false);
        };
        Ok(self.is_ancestor(repository, commit, &head).await? == Some(true))
    }

    /// Whether one commit is the other or comes before it; nothing where one of them is not known.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn is_ancestor(
        &self,
        repository: &str,
        ancestor: &str,
        descendant: &str,
    ) -> anyhow::Result<Option<bool>> {
        if !is_commit_id(ancestor) || !is_commit_id(descendant) {
            return Ok(None);
        }
        Ok(self.mirror(repository)?.is_ancestor(ancestor, descendant).await?)
    }

    /// The commits that come with `to` and were not in `from`, newest first; without `from`, all up to the limit.
    /// Nothing where one of the two is not known.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn commits_between(
        &self,
        repository: &str,
        from: Option<&str>,
        to: &str,
        limit: usize,
    ) -> anyhow::Result<Option<Vec<Commit>>> {
        let mirror = self.mirror(repository)?;
        if !knows_all(&mirror, from, to).await? {
            return Ok(None);
        }
        Ok(Some(mirror.log(&[to], from.as_slice(), limit).await?))
    }

    /// How many commits come with `to` and were not in `from`. Nothing where one of the two is not known.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn count_between(
        &self,
        repository: &str,
        from: Option<&str>,
        to: &str,
    ) -> anyhow::Result<Option<u64>> {
        let mirror = self.mirror(repository)?;
        if !knows_all(&mirror, from, to).await? {
            return Ok(None);
        }
        Ok(Some(mirror.count(to, from.as_slice()).await?))
    }

    /// Branches that contain a commit.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn branches_containing(&self, repository: &str, commit: &str) -> anyhow::Result<Vec<String>> {
        if !is_commit_id(commit) {
            return Ok(Vec::new());
        }
        Ok(self.mirror(repository)?.branches_containing(commit).await?)
    }

    /// The commit a branch points at.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn head(&self, repository: &str, branch: &str) -> anyhow::Result<Option<String>> {
        if !is_branch_name(branch) {
            return Ok(None);
        }
        Ok(self.mirror(repository)?.head(branch).await?)
    }
}

async fn knows_all(mirror: &Mirror, from: Option<&str>, to: &str) -> anyhow::Result<bool> {
    let wanted: Vec<&str> = from.into_iter().chain([to]).collect();
    let known = mirror.known(&wanted).await?;
    Ok(wanted.iter().all(|commit| known.contains(*commit)))
}
