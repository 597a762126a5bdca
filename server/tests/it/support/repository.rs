//! Real repositories, made by `git` in a temporary folder.

use std::path::PathBuf;
use std::process::Command;

/// A repository that a mirror can fetch.
pub struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// An empty one whose first branch will be `main`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = Self { folder };
        std::fs::create_dir_all(repository.path()).expect("makes the folder");
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repository
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("acme/checkout")
    }

    /// Commits on a branch, made from where we stand if there is none, and gives the commit's id.
    pub fn commit(&self, branch: &str, message: &str) -> String {
        let has_commits = self
            .try_git(&["rev-parse", "--verify", "--quiet", "HEAD"])
            .is_some();
        if has_commits {
            let there = format!("refs/heads/{branch}");
            if self
                .try_git(&["show-ref", "--verify", "--quiet", &there])
                .is_some()
            {
                self.git(&["switch", "--quiet", branch]);
            } else {
                self.git(&["switch", "--quiet", "-c", branch]);
            }
        }
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs `git` in it and gives what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.try_git(arguments)
            .unwrap_or_else(|| panic!("git {arguments:?} failed"))
    }

    fn try_git(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("git")
            .current_dir(self.path())
            .args(arguments)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ada Author")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Cleo Committer")
            .env("GIT_COMMITTER_EMAIL", "cleo@example.org")
            .env("GIT_AUTHOR_DATE", "2026-03-01T10:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-03-01T10:00:00Z")
            .output()
            .expect("git is installed");
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
