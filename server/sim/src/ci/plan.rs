//! What a run will do, decided at once from the commit: its stages, how long each takes, and how it ends.

use anyhow::{Result, bail};
use sha2::{Digest as _, Sha256};

/// The stages of every run, in order. The first two run side by side.
pub const STAGES: &[&str] = &[
    "unit tests",
    "code quality",
    "integration tests",
    "performance tests",
    "security scan",
    "build image",
];

/// Typical seconds for each of [`STAGES`]; on the longest path about three minutes.
const SECONDS: &[i64] = &[35, 25, 45, 40, 20, 30];
/// How long a run or a job waits for a machine.
const QUEUE_MILLIS: i64 = 3_000;

/// How an image misbehaves on ECS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRelease {
    /// The registry does not give it.
    CannotPull,
    /// Its container exits right after the start.
    Exits,
    /// It runs but fails its health checks.
    Unhealthy,
    /// It is killed for using too much memory.
    OutOfMemory,
    /// Its tasks never get anywhere.
    Stuck,
    /// There is never room for its tasks.
    NoCapacity,
}

impl BadRelease {
    /// All of them, with the word for a commit message and what a person reads.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::CannotPull, "cannot-pull", "image cannot be pulled"),
        (Self::Exits, "exits", "container exits"),
        (Self::Unhealthy, "unhealthy", "fails its health check"),
        (Self::OutOfMemory, "oom", "runs out of memory"),
        (Self::Stuck, "stuck", "never becomes ready"),
        (Self::NoCapacity, "no-capacity", "finds no room to run"),
    ];
}

/// What a commit's trailers ask of the demo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `ci: fail`: the unit tests fail.
    pub fail: bool,
    /// `release: …`: the image is bad.
    pub release: Option<BadRelease>,
}

/// Reads the trailers of a commit message.
pub fn wishes(message: &str) -> Result<Wishes> {
    let mut wishes = Wishes::default();
    for line in message.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim().to_lowercase();
        match key.trim().to_lowercase().as_str() {
            "ci" if value == "fail" => wishes.fail = true,
            "release" if !value.contains(' ') => {
                let known = BadRelease::ALL.iter().find(|(_, word, _)| *word == value);
                let Some((release, ..)) = known else {
                    let words: Vec<&str> = BadRelease::ALL.iter().map(|(_, word, _)| *word).collect();
                    bail!(
                        "“release: {value}” means nothing here; say one of {}",
                        words.join(", ")
                    );
                };
                wishes.release = Some(*release);
            }
            _ => {}
        }
    }
    Ok(wishes)
}

/// How a stage ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It did what it should.
    Success,
    /// It found something wrong.
    Failure,
    /// An earlier stage failed.
    Skipped,
}

impl End {
    /// GitHub's word for it.
    pub fn conclusion(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
        }
    }
}

/// One stage with its times, in milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct Stage {
    /// One of [`STAGES`].
    pub name: &'static str,
    /// When it asked for a machine.
    pub queued: i64,
    /// When it got one.
    pub started: i64,
    /// When it ended.
    pub ended: i64,
    /// How.
    pub end: End,
}

/// The stages of a run for `sha` that is asked for at `start`; the first to fail is `failing`. `pace` says how long
/// some milliseconds of work really take.
pub fn stages(sha: &str, start: i64, failing: Option<usize>, pace: impl Fn(i64) -> i64) -> Vec<Stage> {
    let hash = Sha256::digest(sha);
    let wait = pace(QUEUE_MILLIS);
    let begin = start + wait;
    let mut free = begin;
    let mut stages: Vec<Stage> = Vec::with_capacity(STAGES.len());
    for (index, (name, seconds)) in STAGES.iter().zip(SECONDS).enumerate() {
        let skipped = failing.is_some_and(|failing| index > failing.max(1));
        // The first two share their beginning; every other waits for all before it.
        let queued = if index < 2 { begin } else { free };
        if skipped {
            stages.push(Stage {
                name,
                queued,
                started: queued,
                ended: queued,
                end: End::Skipped,
            });
            continue;
        }
        // Between 85 and 115 percent, always the same for one commit.
        let percent = 85 + hash.get(index).map_or(15, |&byte| i64::from(byte) % 31);
        let started = queued + wait;
        let ended = started + pace(seconds * 10 * percent);
        free = free.max(ended);
        let end = if failing == Some(index) {
            End::Failure
        } else {
            End::Success
        };
        stages.push(Stage {
            name,
            queued,
            started,
            ended,
            end,
        });
    }
    stages
}

/// The tags of an image: one that people read, and the full commit.
pub fn tags(branch: &str, sha: &str, at: i64) -> Vec<String> {
    let time = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
    let short: String = sha.chars().take(7).collect();
    vec![
        format!(
            "{}-{short}-{}",
            branch.replace('/', "-"),
            time.format("%Y%m%d-%H%M%S")
        ),
        sha.to_owned(),
    ]
}
