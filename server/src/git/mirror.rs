//! One bare mirror: fetching it, and asking it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::commit::{Commit, FORMAT, parse_log};
use super::{Git, GitError, is_branch_name, is_commit_id};

/// A fetch that hangs must end.
const FETCH_LIMIT: Duration = Duration::from_secs(120);
/// The first fetch brings everything, and a large repository takes long.
const FIRST_FETCH_LIMIT: Duration = Duration::from_secs(1800);
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// A bare mirror of one repository's branches.
#[derive(Debug, Clone)]
pub struct Mirror {
    git: Git,
    folder: PathBuf,
}

impl Mirror {
    pub(super) const fn new(git: Git, folder: PathBuf) -> Self {
        Self { git, folder }
    }

    /// Whether there is one yet.
    pub async fn exists(&self) -> bool {
        tokio::fs::try_exists(self.folder.join("HEAD"))
            .await
            .unwrap_or(false)
    }

    /// Makes the mirror's branches those of the repository.
    ///
    /// # Errors
    /// The forge cannot be reached or refuses, or takes too long.
    pub async fn fetch(&self, url: &str) -> Result<(), GitError> {
        if url.is_empty() || url.starts_with('-') || url.chars().any(char::is_control) {
            return Err(GitError::Failed {
                command: "fetch".to_owned(),
                words: "the repository's address is empty or not an address".to_owned(),
            });
        }
        if !self.exists().await {
            self.create().await?;
        }
        let fetched_before = self.branches().await.is_ok_and(|branches| !branches.is_empty());
        let limit = if fetched_before {
            FETCH_LIMIT
        } else {
            FIRST_FETCH_LIMIT
        };
        match self.fetch_once(url, limit).await {
            // Only this process writes the mirror, one fetch at a time: a lock is left over from one that was killed.
            Err(GitError::Failed { words, .. }) if words.contains(".lock") => {
                self.remove_locks().await;
                self.fetch_once(url, limit).await
            }
            other => other,
        }
    }

    /// Made beside its place and moved there, so that one half made is never taken for a mirror.
    async fn create(&self) -> Result<(), GitError> {
        let failed = |cause: std::io::Error| GitError::Failed {
            command: "init".to_owned(),
            words: format!("cannot make {}: {cause}", self.folder.display()),
        };
        let unfinished = self.folder.with_extension("new");
        let name = unfinished.display().to_string();
        self.git
            .run(
                None,
                &["init", "--quiet", "--bare", "--template=", "--", &name],
                "",
                ASK_LIMIT,
            )
            .await?;
        tokio::fs::rename(&unfinished, &self.folder).await.map_err(failed)
    }

    async fn fetch_once(&self, url: &str, limit: Duration) -> Result<(), GitError> {
        self.git
            .run(
                Some(&self.folder),
                &[
                    "fetch",
                    "--quiet",
                    "--prune",
                    "--force",
                    "--no-tags",
                    "--no-write-fetch-head",
                    "--no-recurse-submodules",
                    "--",
                    url,
                    "+refs/heads/*:refs/heads/*",
                ],
                "",
                limit,
            )
            .await
            .map(drop)
    }

    async fn remove_locks(&self) {
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(mut entries) = tokio::fs::read_dir(&folder).await else {
                continue;
            };
            while let Ok(Some(entry)) = entries.next_entry().await {
                let path = entry.path();
                let is_folder = entry.file_type().await.is_ok_and(|kind| kind.is_dir());
                if is_folder && !path.ends_with("objects/pack") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "lock") {
                    let _ = tokio::fs::remove_file(&path).await;
                }
            }
        }
    }

    /// Every branch and the commit it points at.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn branches(&self) -> Result<BTreeMap<String, String>, GitError> {
        let output = self
            .ask_for(&[
                "for-each-ref",
                "--format=%(objectname) %(refname:lstrip=2)",
                "refs/heads/",
            ])
            .await?;
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(head, name)| is_commit_id(head) && is_branch_name(name))
            .map(|(head, name)| (name.to_owned(), head.to_owned()))
            .collect())
    }

    /// The commit a branch points at.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn head(&self, branch: &str) -> Result<Option<String>, GitError> {
        if !is_branch_name(branch) || !self.exists().await {
            return Ok(None);
        }
        let name = format!("refs/heads/{branch}");
        let output = self
            .ask_for(&["for-each-ref", "--format=%(objectname) %(refname)", &name])
            .await?;
        // The pattern also matches what lies below it: `refs/heads/main/x`.
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(_, found)| *found == name)
            .map(|(head, _)| head.to_owned()))
    }

    /// Which of some commits the mirror has.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn known(&self, commits: &[&str]) -> Result<BTreeSet<String>, GitError> {
        if commits.is_empty() || !self.exists().await {
            return Ok(BTreeSet::new());
        }
        let mut input = String::new();
        for commit in commits.iter().filter(|commit| is_commit_id(commit)) {
            let _ = writeln!(input, "{commit}");
        }
        let output = self
            .git
            .run(
                Some(&self.folder),
                &["cat-file", "--batch-check=%(objectname) %(objecttype)"],
                &input,
                ASK_LIMIT,
            )
            .await?;
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .filter_map(|line| line.strip_suffix(" commit"))
            .map(str::to_owned)
            .collect())
    }

    /// Which of some commits of the mirror a branch head does not contain, in one run of `git` however many they are.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn not_contained(
        &self,
        head: &str,
        commits: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, GitError> {
        let mut input = format!("^{head}\n");
        for commit in commits {
            let _ = writeln!(input, "{commit}");
        }
        let output = self
            .git
            .run(Some(&self.folder), &["rev-list", "--stdin"], &input, ASK_LIMIT)
            .await?;
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .filter(|commit| commits.contains(*commit))
            .map(str::to_owned)
            .collect())
    }

    /// Whether one commit is the other or comes before it; nothing where one of them is not known.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<Option<bool>, GitError> {
        let both = self.known(&[ancestor, descendant]).await?;
        if !both.contains(ancestor) || !both.contains(descendant) {
            return Ok(None);
        }
        self.git
            .ask(
                &self.folder,
                &["merge-base", "--is-ancestor", ancestor, descendant],
                ASK_LIMIT,
            )
            .await
            .map(Some)
    }

    /// Commits that some heads contain and some others do not, newest first.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn log(&self, with: &[&str], without: &[&str], limit: usize) -> Result<Vec<Commit>, GitError> {
        let limit = format!("--max-count={limit}");
        let output = self
            .git
            .run(
                Some(&self.folder),
                &["log", "-z", "--date-order", FORMAT, &limit, "--stdin"],
                &range(with, without),
                FETCH_LIMIT,
            )
            .await?;
        parse_log(&output)
    }

    /// How many commits a commit contains that another does not.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn count(&self, with: &str, without: &[&str]) -> Result<u64, GitError> {
        let output = self
            .git
            .run(
                Some(&self.folder),
                &["rev-list", "--count", "--stdin"],
                &range(&[with], without),
                ASK_LIMIT,
            )
            .await?;
        let text = String::from_utf8_lossy(&output);
        text.trim().parse().map_err(|_| GitError::Unreadable {
            command: "rev-list".to_owned(),
            words: text.trim().to_owned(),
        })
    }

    /// Branches that contain a commit.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn branches_containing(&self, commit: &str) -> Result<Vec<String>, GitError> {
        if !self.known(&[commit]).await?.contains(commit) {
            return Ok(Vec::new());
        }
        let contains = format!("--contains={commit}");
        let output = self
            .ask_for(&[
                "for-each-ref",
                "--format=%(refname:lstrip=2)",
                &contains,
                "refs/heads/",
            ])
            .await?;
        Ok(String::from_utf8_lossy(&output)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    async fn ask_for(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        self.git.run(Some(&self.folder), arguments, "", ASK_LIMIT).await
    }
}

fn range(with: &[&str], without: &[&str]) -> String {
    let mut text = String::new();
    for commit in with.iter().filter(|commit| is_commit_id(commit)) {
        let _ = writeln!(text, "{commit}");
    }
    for commit in without.iter().filter(|commit| is_commit_id(commit)) {
        let _ = writeln!(text, "^{commit}");
    }
    text
}
