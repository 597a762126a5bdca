//! The `git` program: making bare repositories and writing commits into them by `git fast-import`.
//!
//! One process writes months of commits, and a push is the same with a stream of one. Nothing of the user's own
//! configuration is read, so the same stream gives the same object ids everywhere.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::persona::Persona;

/// Runs `git` in a bare repository and gives what it printed.
pub async fn run(repository: &Path, arguments: &[&str]) -> Result<String> {
    run_with(repository, arguments, Vec::new()).await
}

async fn run_with(repository: &Path, arguments: &[&str], input: Vec<u8>) -> Result<String> {
    let mut child = command()
        .arg("--git-dir")
        .arg(repository)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_started)?;
    let mut stdin = child.stdin.take().context("git has no input")?;
    let write = async move {
        // A git that gave up closes its input; its own message below says why.
        let _ = stdin.write_all(&input).await;
        drop(stdin);
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output?;
    if !output.status.success() {
        bail!(
            "git {} failed in {}: {}",
            arguments.first().unwrap_or(&""),
            repository.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Makes an empty bare repository whose default branch is `main`.
pub async fn create(repository: &Path) -> Result<()> {
    let output = command()
        .args([
            "-c",
            "init.defaultBranch=main",
            "init",
            "--bare",
            "--quiet",
            "--template=",
        ])
        .arg(repository)
        .output()
        .await
        .map_err(not_started)?;
    if !output.status.success() {
        bail!(
            "git init failed in {}: {}",
            repository.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

fn command() -> Command {
    let mut command = Command::new("git");
    for inherited in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_CONFIG_COUNT",
    ] {
        command.env_remove(inherited);
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        // A demo that a power cut ends can be made anew; tests make hundreds of repositories.
        .args(["-c", "core.fsync=none"])
        .kill_on_drop(true);
    command
}

fn not_started(error: std::io::Error) -> anyhow::Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        anyhow::anyhow!(
            "the demo world needs the `git` program, 2.38 or newer, and there is none on the PATH; install git"
        )
    } else {
        anyhow::Error::new(error).context("cannot start git")
    }
}

/// Where a commit stands: written earlier in the same stream, or there already.
#[derive(Debug, Clone, Copy)]
pub enum Parent<'a> {
    /// A commit of this stream.
    Mark(Mark),
    /// Any revision that the repository knows.
    Revision(&'a str),
}

/// A commit in a stream, before its object id is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u32);

/// One commit to write.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The branch that moves to it.
    pub branch: &'a str,
    /// Author and committer.
    pub author: &'a Persona,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The message.
    pub message: &'a str,
    /// The first is what the files change; a second makes it a merge.
    pub parents: &'a [Parent<'a>],
    /// Paths with their new content. Of a merge these must be all that differ from the first parent.
    pub files: &'a [(String, String)],
}

/// A stream for `git fast-import`.
#[derive(Debug, Default)]
pub struct Import {
    stream: Vec<u8>,
    marks: u32,
}

impl Import {
    /// Adds a commit.
    pub fn commit(&mut self, commit: &Commit<'_>) -> Mark {
        self.marks += 1;
        let mark = Mark(self.marks);
        let person = format!(
            "{} <{}> {} +0000",
            commit.author.name,
            commit.author.email(),
            commit.at / 1000
        );
        self.line(&format!("commit refs/heads/{}", commit.branch));
        self.line(&format!("mark :{}", mark.0));
        self.line(&format!("author {person}"));
        self.line(&format!("committer {person}"));
        self.data(commit.message);
        for (position, parent) in commit.parents.iter().enumerate() {
            let verb = if position == 0 { "from" } else { "merge" };
            match parent {
                Parent::Mark(Mark(number)) => self.line(&format!("{verb} :{number}")),
                Parent::Revision(revision) => self.line(&format!("{verb} {revision}")),
            }
        }
        for (path, content) in commit.files {
            self.line(&format!("M 100644 inline {path}"));
            self.data(content);
        }
        self.line("");
        mark
    }

    /// Writes the stream into a repository and gives the object ids of its commits, in order.
    pub async fn write(mut self, repository: &Path) -> Result<Vec<String>> {
        for number in 1..=self.marks {
            self.line(&format!("get-mark :{number}"));
        }
        self.line("done");
        let printed = run_with(repository, &["fast-import", "--quiet", "--done"], self.stream).await?;
        let ids: Vec<String> = printed.lines().map(str::to_owned).collect();
        anyhow::ensure!(
            ids.len() == self.marks as usize,
            "git fast-import told {} of {} commits in {}",
            ids.len(),
            self.marks,
            repository.display()
        );
        Ok(ids)
    }

    fn line(&mut self, text: &str) {
        self.stream.extend_from_slice(text.as_bytes());
        self.stream.push(b'\n');
    }

    fn data(&mut self, content: &str) {
        self.line(&format!("data {}", content.len()));
        self.line(content);
    }
}

impl Mark {
    /// Its place in what [`Import::write`] gives.
    pub fn index(self) -> usize {
        self.0 as usize - 1
    }
}

/// Deletes branches, as a forge does after a merge.
pub async fn delete_branches(repository: &Path, branches: &[&str]) -> Result<()> {
    let commands: String = branches
        .iter()
        .map(|branch| format!("delete refs/heads/{branch}\n"))
        .collect();
    run_with(repository, &["update-ref", "--stdin"], commands.into_bytes())
        .await
        .map(|_| ())
}
