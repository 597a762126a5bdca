//! The append-only list of calls that changed the simulated AWS.
//!
//! It is the oracle of the crash tests: whatever the product believes, the ledger says how often it really
//! registered, updated and stopped. Written to a file it outlives the processes that are killed around it.

use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One call that changed something, or tried to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 … in the order in which the calls took effect.
    pub seq: u64,
    /// Milliseconds since 1970 on the simulated clock.
    pub at_millis: i64,
    /// The AWS account it was for.
    pub account: String,
    /// The AWS region it was for.
    pub region: String,
    /// The operation, like `UpdateService`.
    pub operation: String,
    /// The cluster's name, where the operation has one.
    pub cluster: Option<String>,
    /// The service's name or the task definition's family.
    pub resource: Option<String>,
    /// The access key id of the caller.
    pub access_key: String,
    /// What it was about: task definition, images, deployment.
    pub detail: serde_json::Value,
    /// `ok`, `ok, answer lost`, or the error code that was answered.
    pub outcome: String,
}

impl Entry {
    /// Whether the call took effect, even if its caller never heard so.
    pub fn took_effect(&self) -> bool {
        self.outcome.starts_with("ok")
    }
}

/// The ledger. Clones write into the same list.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    entries: Vec<Entry>,
    file: Option<File>,
}

impl Ledger {
    /// A ledger in memory.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// A ledger that also appends to `path`, one JSON object a line, and begins with what is there.
    pub fn at(path: &Path) -> anyhow::Result<Self> {
        let mut entries = Vec::new();
        if path.exists() {
            for line in BufReader::new(File::open(path)?).lines() {
                entries.push(serde_json::from_str(&line?)?);
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Arc::new(Mutex::new(Book {
            entries,
            file: Some(file),
        }))))
    }

    /// Appends an entry and gives it the next number.
    pub fn append(&self, mut entry: Entry) {
        let mut book = self.book();
        entry.seq = book.entries.len() as u64 + 1;
        if let Some(file) = &mut book.file {
            let written = serde_json::to_string(&entry)
                .map_err(std::io::Error::from)
                .and_then(|line| writeln!(file, "{line}"))
                .and_then(|()| file.flush());
            if let Err(error) = written {
                tracing::error!(%error, "the ledger's file cannot be written");
            }
        }
        book.entries.push(entry);
    }

    /// Everything so far, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.book().entries.clone()
    }

    /// How many calls of `operation` satisfy `wanted`.
    pub fn count(&self, operation: &str, wanted: impl Fn(&Entry) -> bool) -> usize {
        self.book()
            .entries
            .iter()
            .filter(|entry| entry.operation == operation && wanted(entry))
            .count()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str) -> Entry {
        Entry {
            operation: operation.into(),
            outcome: "ok".into(),
            ..Entry::default()
        }
    }

    #[test]
    fn a_ledger_on_disk_goes_on_where_it_was() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("ledger.jsonl");
        Ledger::at(&path)
            .expect("a new ledger")
            .append(entry("UpdateService"));
        let ledger = Ledger::at(&path).expect("the ledger again");
        ledger.append(entry("RegisterTaskDefinition"));
        assert_eq!(
            ledger.entries().iter().map(|entry| entry.seq).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(ledger.count("UpdateService", Entry::took_effect), 1);
    }
}
