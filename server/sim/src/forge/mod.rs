//! The forge: bare Git repositories on disk, and the signed webhooks that a push sets off. A push to `main` is the merge
//! of a pull request of whoever pushes.
//!
//! Yardmaster mirrors the repositories with the real `git` program by their `file://` address and hears of changes
//! at `/hooks/github`. [`ci`](crate::ci) reacts to what is pushed here.

pub mod git;
pub mod payload;
pub mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::persona::Persona;
use git::{Commit, Import, Parent};
use webhook::Webhooks;

/// The repositories of the company.
#[derive(Debug)]
pub struct Forge {
    root: PathBuf,
    url: String,
    webhooks: Webhooks,
    repositories: Mutex<BTreeMap<String, Arc<Repository>>>,
}

/// One bare repository.
#[derive(Debug)]
pub struct Repository {
    /// Its name, without the organization.
    pub name: String,
    /// Its number at the forge.
    pub id: u64,
    /// Where it lies.
    pub path: PathBuf,
    /// Two pushes at once would race for the branch.
    writing: tokio::sync::Mutex<()>,
}

impl Repository {
    /// The address to clone from.
    pub fn clone_url(&self) -> String {
        url::Url::from_file_path(&self.path)
            .map_or_else(|()| format!("file://{}", self.path.display()), String::from)
    }
}

/// A commit that has just been pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// Where it was pushed.
    pub repository: Arc<Repository>,
    /// The branch that moved.
    pub branch: String,
    /// The new commit.
    pub sha: String,
    /// Its tree.
    pub tree: String,
    /// What the branch was before; nothing for a new branch.
    pub before: Option<String>,
    /// Who wrote and pushed it.
    pub author: &'static Persona,
    /// Its message.
    pub message: String,
    /// The paths it changed.
    pub files: Vec<String>,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

impl Forge {
    /// A forge that keeps its repositories under `root` and calls itself `url` in what it sends.
    pub fn new(root: &Path, url: &str, webhooks: Webhooks) -> Result<Self> {
        std::fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot find {}", root.display()))?;
        Ok(Self {
            root,
            url: url.to_owned(),
            webhooks,
            repositories: Mutex::default(),
        })
    }

    /// Opens a repository, made empty when it is not there. Says whether it was made.
    pub async fn open(&self, name: &str) -> Result<(Arc<Repository>, bool)> {
        let path = self.root.join(payload::ORGANIZATION).join(format!("{name}.git"));
        let made = !path.join("HEAD").exists();
        if made {
            git::create(&path).await?;
        }
        let mut repositories = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        let id = 5001 + repositories.len() as u64;
        let repository = Arc::clone(repositories.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Repository {
                name: name.to_owned(),
                id,
                path,
                writing: tokio::sync::Mutex::default(),
            })
        }));
        Ok((repository, made))
    }

    /// The open repository of this name.
    pub fn repository(&self, name: &str) -> Result<Arc<Repository>> {
        let repositories = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        match repositories.get(name) {
            Some(repository) => Ok(Arc::clone(repository)),
            None => bail!("there is no repository {}/{name}", payload::ORGANIZATION),
        }
    }

    /// The names of all open repositories.
    pub fn names(&self) -> Vec<String> {
        self.repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    /// The forge's own address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The sender of webhooks, which the CI uses as well.
    pub fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    /// Commits to a branch (a new one starts at `main`) and sends the `push` webhook; of `main` also `pull_request`.
    pub async fn push(
        &self,
        name: &str,
        branch: &str,
        author: &'static Persona,
        message: &str,
        files: &[(String, String)],
        at: i64,
    ) -> Result<Pushed> {
        check_branch(branch)?;
        if message.trim().is_empty() {
            bail!("a commit needs a message");
        }
        let repository = self.repository(name)?;
        let _writing = repository.writing.lock().await;
        let tip = format!("refs/heads/{branch}");
        let before = git::run(
            &repository.path,
            &["for-each-ref", "--format=%(objectname)", &tip],
        )
        .await?;
        let before = (!before.is_empty()).then_some(before);
        let start = before.clone().unwrap_or_else(|| "refs/heads/main^0".to_owned());
        let mut import = Import::default();
        import.commit(&Commit {
            branch,
            author,
            at,
            message,
            parents: &[Parent::Revision(&start)],
            files,
        });
        let sha = import
            .write(&repository.path)
            .await?
            .pop()
            .context("git wrote no commit")?;
        let tree = git::run(&repository.path, &["rev-parse", &format!("{sha}^{{tree}}")]).await?;
        let pushed = Pushed {
            repository: Arc::clone(&repository),
            branch: branch.to_owned(),
            sha,
            tree,
            before,
            author,
            message: message.to_owned(),
            files: files.iter().map(|(path, _)| path.clone()).collect(),
            at,
        };
        self.webhooks.send("push", &payload::push(&pushed, &self.url))?;
        if branch == "main" {
            // Never the same twice, also after a restart: nothing is taken back from `main`.
            let number = git::run(&repository.path, &["rev-list", "--count", &pushed.sha]).await?;
            let merged = payload::merged(&pushed, number.parse()?, &self.url);
            self.webhooks.send("pull_request", &merged)?;
        }
        Ok(pushed)
    }
}

/// Refuses what `git` would refuse, and what could be read as something else in its streams.
fn check_branch(branch: &str) -> Result<()> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    let parts = || branch.split('/');
    if branch.is_empty()
        || !branch.chars().all(allowed)
        || branch.contains("..")
        || parts().any(|part| {
            part.is_empty() || part.starts_with(['.', '-']) || part.ends_with('.') || part.ends_with(".lock")
        })
    {
        bail!(
            "“{branch}” is not a branch name; use letters, digits, - _ . and / (for example feature/new-basket)"
        );
    }
    Ok(())
}
