//! The CI: turns each push into a workflow run whose events reach Yardmaster as signed webhooks, and whose image
//! lands in the simulated ECR.
//!
//! A run is planned whole when it is asked for; [`Ci::tick`] then does what has become due on the world's clock.
//! So tests drive it by moving the clock, and the demo by letting the clock run.

pub mod payload;
pub mod plan;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::clock::SimClock;
use crate::forge::{Forge, Pushed};
use payload::Phase;
use plan::{End, Stage, Wishes};

/// An image that a run has built.
#[derive(Debug)]
pub struct BuiltImage<'a> {
    /// What it was built from.
    pub pushed: &'a Pushed,
    /// The run's number in the repository.
    pub number: u64,
    /// The names it gets.
    pub tags: Vec<String>,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What its commit asked for.
    pub wishes: Wishes,
}

/// Takes an image and gives its digest.
pub type Registry = Box<dyn Fn(&BuiltImage<'_>) -> Result<String> + Send + Sync>;

/// Runs builds.
pub struct Ci {
    clock: SimClock,
    forge: Arc<Forge>,
    registry: Registry,
    board: Mutex<Board>,
    /// Held over a whole tick: events of one run must leave in order.
    ticking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Board {
    runs: Vec<Run>,
    next_id: u64,
    numbers: BTreeMap<String, u64>,
}

/// One workflow run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number at the forge.
    pub id: u64,
    /// Its number in its repository.
    pub number: u64,
    /// What it builds.
    pub pushed: Pushed,
    /// When it was asked for.
    pub requested: i64,
    /// Its stages, as they will come to pass.
    pub stages: Vec<Stage>,
    /// The digest of the image, once that is pushed.
    pub digest: Option<String>,
    wishes: Wishes,
    /// How many of its events have happened.
    done: usize,
}

/// Something that happens in a run.
#[derive(Debug, Clone, Copy)]
enum Event {
    Run(Phase),
    Job(usize, Phase),
    PushImage,
}

impl Run {
    /// How it ends, or will.
    pub fn end(&self) -> End {
        if self.stages.iter().all(|stage| stage.end == End::Success) {
            End::Success
        } else {
            End::Failure
        }
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        match self.done {
            0 | 1 => Phase::Queued,
            done if done < self.events().len() => Phase::InProgress,
            _ => Phase::Completed,
        }
    }

    /// When its last stage ends.
    pub fn ends_at(&self) -> i64 {
        self.stages
            .iter()
            .map(|stage| stage.ended)
            .max()
            .unwrap_or(self.requested)
    }

    /// Everything that happens in the run, in the order of time.
    fn events(&self) -> Vec<(i64, Event)> {
        let mut events = vec![(self.requested, Event::Run(Phase::Queued))];
        let begin = self.stages.first().map_or(self.requested, |stage| stage.queued);
        events.push((begin, Event::Run(Phase::InProgress)));
        for (index, stage) in self.stages.iter().enumerate() {
            events.push((stage.queued, Event::Job(index, Phase::Queued)));
            if stage.end != End::Skipped {
                events.push((stage.started, Event::Job(index, Phase::InProgress)));
            }
            // The image is there before anybody hears that it was built.
            if index + 1 == self.stages.len() && stage.end == End::Success {
                events.push((stage.ended, Event::PushImage));
            }
            events.push((stage.ended, Event::Job(index, Phase::Completed)));
        }
        events.push((self.ends_at(), Event::Run(Phase::Completed)));
        // Stable, so that what happens at one moment keeps the order above.
        events.sort_by_key(|(at, _)| *at);
        events
    }
}

impl fmt::Debug for Ci {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ci")
            .field("runs", &self.board().runs.len())
            .finish_non_exhaustive()
    }
}

impl Ci {
    /// A CI for a forge. `first_id` numbers the first run, `numbers` continues each repository's count.
    pub fn new(
        clock: SimClock,
        forge: Arc<Forge>,
        registry: Registry,
        first_id: u64,
        numbers: BTreeMap<String, u64>,
    ) -> Self {
        let board = Board {
            runs: Vec::new(),
            next_id: first_id,
            numbers,
        };
        Self {
            clock,
            forge,
            registry,
            board: Mutex::new(board),
            ticking: tokio::sync::Mutex::default(),
        }
    }

    /// Plans a run for a push; it begins with the next tick.
    pub fn start(&self, pushed: Pushed) -> Result<Run> {
        let wishes = plan::wishes(&pushed.message)?;
        let mut board = self.board();
        let id = board.next_id;
        board.next_id += 1;
        let number = board.numbers.entry(pushed.repository.name.clone()).or_default();
        *number += 1;
        let run = Run {
            id,
            number: *number,
            requested: pushed.at,
            stages: plan::stages(&pushed.sha, pushed.at, wishes.fail.then_some(0), |millis| {
                self.clock.pace(Duration::from_millis(millis.unsigned_abs()))
            }),
            pushed,
            digest: None,
            wishes,
            done: 0,
        };
        board.runs.push(run.clone());
        Ok(run)
    }

    /// Does everything that is due by now. Running it twice does nothing twice.
    pub async fn tick(&self) -> Result<()> {
        let _ticking = self.ticking.lock().await;
        let now = self.clock.now_millis();
        let unfinished: Vec<Run> = self
            .board()
            .runs
            .iter()
            .filter(|run| run.phase() != Phase::Completed)
            .cloned()
            .collect();
        for mut run in unfinished {
            let events = run.events();
            for (at, event) in events.iter().skip(run.done).take_while(|(at, _)| *at <= now) {
                self.happen(&mut run, *at, *event)?;
                run.done += 1;
                let mut board = self.board();
                if let Some(kept) = board.runs.iter_mut().find(|kept| kept.id == run.id) {
                    *kept = run.clone();
                }
            }
        }
        Ok(())
    }

    fn happen(&self, run: &mut Run, at: i64, event: Event) -> Result<()> {
        let url = self.forge.url();
        let webhooks = self.forge.webhooks();
        match event {
            Event::Run(phase) => webhooks.send("workflow_run", &payload::workflow_run(run, phase, at, url)),
            Event::Job(index, phase) => {
                let Some(stage) = run.stages.get(index) else {
                    return Ok(());
                };
                webhooks.send(
                    "workflow_job",
                    &payload::workflow_job(run, index, stage, phase, url),
                )
            }
            Event::PushImage => {
                let tags = plan::tags(&run.pushed.branch, &run.pushed.sha, at);
                let image = BuiltImage {
                    pushed: &run.pushed,
                    number: run.number,
                    tags,
                    at,
                    wishes: run.wishes,
                };
                run.digest = Some((self.registry)(&image)?);
                Ok(())
            }
        }
    }

    /// The latest runs, newest first.
    pub fn latest(&self, count: usize) -> Vec<Run> {
        self.board().runs.iter().rev().take(count).cloned().collect()
    }

    /// Whether every run has ended.
    pub fn is_idle(&self) -> bool {
        self.board()
            .runs
            .iter()
            .all(|run| run.phase() == Phase::Completed)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
