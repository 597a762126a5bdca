//! What the world keeps in its data directory, so that it is the same world after a restart.
//!
//! The Git repositories keep themselves. The record of the beginning says which seed and day they were written for;
//! the journal lists the images that were built since, which an AWS in memory forgets.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::catalogue::{NONPROD, REGION};
use super::seed;
use crate::aws::{Aws, Failure, ImageSpec};
use crate::ci::plan::BadRelease;
use crate::ci::{BuiltImage, Registry};

/// How the world began.
#[derive(Debug, Serialize, Deserialize)]
pub struct Beginning {
    /// The seed.
    pub seed: u64,
    /// The midnight at which the history ends.
    pub until: i64,
    /// The object ids of the story's commits.
    pub commits: Vec<String>,
}

impl Beginning {
    /// Reads the record, if there is one. Another seed is refused: its repositories would not fit.
    pub fn read(path: &Path, seed: u64) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let beginning: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; empty the directory", path.display()))?;
        if beginning.seed != seed {
            bail!(
                "{} belongs to a world with seed {}, not {seed}; use that seed or another data directory",
                path.display(),
                beginning.seed
            );
        }
        Ok(Some(beginning))
    }

    /// Writes the record.
    pub fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, serde_json::to_string(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// An image that the CI has built.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The service.
    pub service: String,
    /// The commit.
    pub sha: String,
    /// The run's number in the repository.
    pub number: u64,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it was pushed.
    pub at: i64,
    /// How it misbehaves: its word in a commit message.
    pub release: Option<String>,
}

impl Entry {
    /// How the image misbehaves.
    pub fn bad_release(&self) -> Option<BadRelease> {
        let word = self.release.as_deref()?;
        BadRelease::ALL
            .iter()
            .find(|(_, known, _)| *known == word)
            .map(|(release, ..)| *release)
    }
}

/// The list of images, one JSON object a line.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens the journal and reads what is in it. A last line that a crash cut off is left out.
    pub fn open(path: PathBuf) -> Result<(Self, Vec<Entry>)> {
        let mut entries = Vec::new();
        if path.exists() {
            let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            for line in BufReader::new(file).lines() {
                match serde_json::from_str(&line?) {
                    Ok(entry) => entries.push(entry),
                    Err(error) => tracing::warn!(%error, path = %path.display(), "a line is left out"),
                }
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = Mutex::new(file.with_context(|| format!("cannot write {}", path.display()))?);
        Ok((Self { path, file }, entries))
    }

    /// Adds an image.
    pub fn append(&self, entry: &Entry) -> Result<()> {
        let line = format!("{}\n", serde_json::to_string(entry)?);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Puts what the CI builds into ECR and notes it down.
pub fn registry(aws: Arc<Aws>, journal: Journal) -> Registry {
    Box::new(move |image: &BuiltImage<'_>| {
        let release = image.wishes.release;
        let word = BadRelease::ALL
            .iter()
            .find(|(known, ..)| Some(*known) == release)
            .map(|(_, word, _)| *word);
        let entry = Entry {
            service: image.pushed.repository.name.clone(),
            sha: image.pushed.sha.clone(),
            number: image.number,
            tags: image.tags.clone(),
            at: image.at,
            release: word.map(str::to_owned),
        };
        journal.append(&entry)?;
        Ok(store(&aws, &entry))
    })
}

/// Puts a built image into ECR, with what it is scripted to do, and gives its digest.
pub fn store(aws: &Aws, entry: &Entry) -> String {
    let specification = ImageSpec {
        tags: entry.tags.clone(),
        pushed_at: entry.at,
        revision_label: Some(entry.sha.clone()),
        ..ImageSpec::default()
    };
    let digest = aws.push_image(
        NONPROD,
        REGION,
        &seed::repository_of(&entry.service),
        specification,
    );
    let failure = entry.bad_release().map(|release| match release {
        BadRelease::CannotPull => Failure::CannotPull,
        BadRelease::Exits => Failure::Exits { code: 1 },
        BadRelease::Unhealthy => Failure::HealthCheck,
        BadRelease::OutOfMemory => Failure::OutOfMemory,
        BadRelease::Stuck => Failure::Stuck,
        BadRelease::NoCapacity => Failure::NoCapacity,
    });
    if let Some(failure) = failure {
        aws.script_image(&digest, failure);
    }
    digest
}
