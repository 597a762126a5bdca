//! Heads: the newest entry's place and seal, written where whoever can rewrite the database cannot reach. A chain that
//! was recomputed, or cut off, no longer has them.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::Context;
use app::text::Millis;
use serde::{Deserialize, Serialize};

use crate::db::Db;

/// How much of the file's end is read to find its last line.
const TAIL: u64 = 4096;

/// The newest entry at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The entry's place.
    pub seq: i64,
    /// Its seal.
    pub seal: String,
    /// When it was written.
    pub at: Millis,
}

/// Appends the newest entry's head to a file of JSON lines, and logs it; answers it. A head that is the file's last
/// already is not written again, and an empty audit has none.
///
/// # Errors
/// The database does not answer, or the file cannot be written.
pub async fn export_head(db: &Db, file: &Path) -> anyhow::Result<Option<Head>> {
    let row: Option<(i64, String, i64)> =
        sqlx::query_as("SELECT seq, seal, at FROM audit ORDER BY seq DESC LIMIT 1")
            .fetch_optional(db.read())
            .await?;
    let Some((seq, seal, at)) = row else {
        return Ok(None);
    };
    let head = Head { seq, seal, at };
    let written =
        append(file, &head).with_context(|| format!("audit heads: cannot write {}", file.display()))?;
    if written {
        tracing::info!(name: "audit.head", seq = head.seq, seal = head.seal, "the audit's newest entry");
    }
    Ok(Some(head))
}

fn append(file: &Path, head: &Head) -> anyhow::Result<bool> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(file)?;
    let tail = tail(&mut file)?;
    let last = tail
        .lines()
        .last()
        .and_then(|line| serde_json::from_str::<Head>(line).ok());
    if last.as_ref() == Some(head) {
        return Ok(false);
    }
    // A line that was cut off by a crash must not spoil the next one.
    let gap = if tail.is_empty() || tail.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    write!(file, "{gap}{}\n", serde_json::to_string(head)?)?;
    file.sync_data()?;
    Ok(true)
}

fn tail(file: &mut File) -> std::io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Heads that were exported; a line that is not one is told by its number.
pub(super) fn read(file: &Path) -> anyhow::Result<(Vec<Head>, Vec<usize>)> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("--checkpoint: cannot read {}", file.display()))?;
    let (mut heads, mut broken) = (Vec::new(), Vec::new());
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match serde_json::from_str(line) {
            Ok(head) => heads.push(head),
            Err(_) => broken.push(number + 1),
        }
    }
    Ok((heads, broken))
}
