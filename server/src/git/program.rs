//! Running the `git` program: no shell, no configuration of the machine or of its user, a time limit, one kind of error.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Variables of the machine that `git` still needs: how to find programs and how to get out to the network.
const KEPT: [&str; 12] = [
    "PATH",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSH_AUTH_SOCK",
    "HOME",
    "TMPDIR",
];

/// Settings for each run. What the machine's administrator or the mirror's own files say must not change what we read.
const SETTINGS: [&str; 12] = [
    "protocol.ext.allow=never",
    "protocol.file.allow=always",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "log.showSignature=false",
    "log.mailmap=false",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "i18n.logOutputEncoding=UTF-8",
    // A forge that accepted the connection and says nothing: given up long before the time limit.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
];

/// Why `git` did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no such program, or it is too old.
    #[error("git 2.38 or newer is needed to read repositories: {0}; install it, it is looked for in PATH")]
    Missing(String),
    /// It said no.
    #[error("git {command}: {words}")]
    Failed {
        /// Which of its commands.
        command: String,
        /// Its last words.
        words: String,
    },
    /// It took too long and was stopped.
    #[error("git {command} took longer than {seconds} s and was stopped")]
    TooLong {
        /// Which of its commands.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// It said something that cannot be read.
    #[error("git {command} answered something unexpected: {words}")]
    Unreadable {
        /// Which of its commands.
        command: String,
        /// What.
        words: String,
    },
}

/// How to run `git`.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    credentials: Option<PathBuf>,
}

impl Default for Git {
    fn default() -> Self {
        Self {
            program: PathBuf::from("git"),
            credentials: None,
        }
    }
}

impl Git {
    /// With another program than the `git` in PATH.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    /// With a file in git's credential-store form, for repositories that need a login.
    #[must_use]
    pub fn with_credentials(mut self, file: Option<PathBuf>) -> Self {
        self.credentials = file;
        self
    }

    /// Refuses a `git` that is missing or too old.
    ///
    /// # Errors
    /// [`GitError::Missing`] says what was found.
    pub async fn check(&self) -> Result<(), GitError> {
        let output = self
            .run(None, &["version"], "", Duration::from_secs(20))
            .await
            .map_err(|cause| match cause {
                GitError::Missing(_) => cause,
                other => GitError::Missing(other.to_string()),
            })?;
        let text = String::from_utf8_lossy(&output);
        let mut numbers = text
            .split(|letter: char| !letter.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .filter_map(|part| part.parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(major), Some(minor)) if (major, minor) >= (2, 38) => Ok(()),
            _ => Err(GitError::Missing(format!("`{}` was found", text.trim()))),
        }
    }

    /// Runs one of its commands to the end and gives what it printed.
    ///
    /// # Errors
    /// It is missing, failed or took too long.
    pub async fn run(
        &self,
        folder: Option<&Path>,
        arguments: &[&str],
        input: &str,
        limit: Duration,
    ) -> Result<Vec<u8>, GitError> {
        let output = self.output(folder, arguments, input, limit).await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(failed(arguments, &output))
    }

    /// Runs one of its commands that answers by its exit code: 0 is yes, 1 is no.
    ///
    /// # Errors
    /// It is missing, took too long, or failed in another way.
    pub async fn ask(&self, folder: &Path, arguments: &[&str], limit: Duration) -> Result<bool, GitError> {
        let output = self.output(Some(folder), arguments, "", limit).await?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(failed(arguments, &output)),
        }
    }

    async fn output(
        &self,
        folder: Option<&Path>,
        arguments: &[&str],
        input: &str,
        limit: Duration,
    ) -> Result<Output, GitError> {
        let name = arguments.first().copied().unwrap_or_default().to_owned();
        let work = async {
            let mut child = self
                .command(folder, arguments)
                .spawn()
                .map_err(|cause| GitError::Missing(cause.to_string()))?;
            let mut stdin = child.stdin.take();
            // Written beside reading: a long input and a long output would wait for each other otherwise.
            let write = async {
                if let Some(stdin) = stdin.as_mut() {
                    // A `git` that stops reading early says why by its exit code.
                    let _ = stdin.write_all(input.as_bytes()).await;
                }
                drop(stdin);
            };
            let ((), output) = tokio::join!(write, child.wait_with_output());
            output.map_err(|cause| GitError::Failed {
                command: name.clone(),
                words: cause.to_string(),
            })
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(GitError::TooLong {
                command: name.clone(),
                seconds: limit.as_secs(),
            })
        })
    }

    fn command(&self, folder: Option<&Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear();
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "file:https:http:ssh:git")
            .env(
                "GIT_SSH_COMMAND",
                "ssh -oBatchMode=yes -oConnectTimeout=20 -oServerAliveInterval=15",
            )
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        if let Some(file) = &self.credentials {
            // Git splits the helper's text as a shell would: the path goes in quotes.
            let path = file.display().to_string().replace('\'', r"'\''");
            command.args(["-c", &format!("credential.helper=store --file='{path}'")]);
        }
        if let Some(folder) = folder {
            command.arg("--git-dir").arg(folder);
        }
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

fn failed(arguments: &[&str], output: &Output) -> GitError {
    let words = String::from_utf8_lossy(&output.stderr);
    // The line that says why stands first among those git marks so; a login in an address must not be shown.
    let line = words
        .lines()
        .find(|line| line.starts_with("fatal:") || line.starts_with("error:"))
        .or_else(|| words.lines().last())
        .unwrap_or("it gave no reason");
    GitError::Failed {
        command: arguments.first().copied().unwrap_or_default().to_owned(),
        words: without_logins(line),
    }
}

/// A text in which addresses do not show who logs in with which password.
pub(super) fn without_logins(text: &str) -> String {
    text.split_inclusive(' ')
        .map(|word| match (word.find("://"), word.rfind('@')) {
            (Some(scheme), Some(at)) if at > scheme => {
                let (before, after) = (word.get(..scheme + 3), word.get(at..));
                format!("{}***{}", before.unwrap_or_default(), after.unwrap_or_default())
            }
            _ => word.to_owned(),
        })
        .collect::<String>()
        .chars()
        .filter(|letter| !letter.is_control())
        .take(400)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_an_address_is_not_repeated() {
        let shown = without_logins("fatal: unable to access 'https://me:hunter2@example.org/a.git/': 403");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("example.org/a.git"), "{shown}");
    }

    #[tokio::test]
    async fn a_missing_git_is_one_clear_error() {
        let error = Git::default()
            .with_program("/nowhere/git")
            .check()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("git 2.38 or newer is needed"), "{error}");
    }
}
