//! The loops: when ticks run, and what of their troubles is told. Each trouble once, not at every tick.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// After a failed tick: what failed would likely fail again at once.
const PAUSE: Duration = Duration::from_secs(2);
/// A problem that was not met for so long is told again when it comes back. Longer than anything waits for its retry.
const FORGET: Duration = Duration::from_secs(600);

/// What a tick did.
pub(crate) struct Done {
    /// In a sentence.
    pub status: String,
    /// What could not be done, each in a sentence that stays the same while it lasts.
    pub problems: Vec<String>,
}

impl Done {
    /// Without problems, or with problems that the tick tells itself.
    pub fn of(status: &impl std::fmt::Display) -> Self {
        Self {
            status: status.to_string(),
            problems: Vec::new(),
        }
    }

    /// The same with these.
    pub fn with(mut self, problems: Vec<String>) -> Self {
        self.problems = problems;
        self
    }
}

/// One tick.
pub(crate) type Tick = Box<dyn Fn() -> BoxFuture<'static, Result<Done>> + Send + Sync>;

/// From a function that is called for each tick.
pub(crate) fn tick<F: Future<Output = Result<Done>> + Send + 'static>(
    tick: impl Fn() -> F + Send + Sync + 'static,
) -> Tick {
    Box::new(move || Box::pin(tick()))
}

/// When a loop ticks.
pub(crate) struct Pace {
    /// The loop's name in the log.
    pub name: &'static str,
    /// The longest pause.
    pub every: Duration,
    /// Ticks at once when this changes.
    pub hint: watch::Receiver<i64>,
    /// A tick under way is dropped when the program stops. For ticks that wait for others and are made good by the next.
    pub droppable: bool,
}

/// Loops that run.
pub(crate) struct Loops {
    running: JoinSet<()>,
    stopped: watch::Receiver<bool>,
    failures: Arc<Failures>,
}

impl Loops {
    /// Until `stopped` says so.
    pub fn new(stopped: watch::Receiver<bool>) -> Self {
        Self {
            running: JoinSet::new(),
            stopped,
            failures: Arc::default(),
        }
    }

    /// Starts one.
    pub fn spawn(&mut self, pace: Pace, tick: Tick) {
        let number = self.running.len();
        let (stopped, failures) = (self.stopped.clone(), self.failures.clone());
        self.running.spawn(run(pace, number, stopped, failures, tick));
    }

    /// Ends when all have.
    pub async fn ended(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

/// Runs a tick again and again: when something was committed, and every so often. The next tick is the retry of a
/// failed one.
async fn run(
    mut pace: Pace,
    number: usize,
    mut stopped: watch::Receiver<bool>,
    failures: Arc<Failures>,
    tick: Tick,
) {
    let (name, every) = (pace.name, pace.every);
    let mut problems = Problems::default();
    while !*stopped.borrow() {
        pace.hint.borrow_and_update();
        let outcome = if pace.droppable {
            tokio::select! {
                outcome = tick() => outcome,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        } else {
            tick().await
        };
        match outcome {
            Ok(done) => {
                if failures.over(number) {
                    tracing::info!(name: "tick.recovered", tick = name, "a loop works again");
                }
                for problem in problems.news(done.problems, Instant::now()) {
                    tracing::warn!(name: "tick.problem", tick = name, problem, "something could not be done; it will be tried again");
                }
                tracing::debug!(name: "tick.done", tick = name, status = done.status, "a loop did its work");
            }
            Err(cause) => {
                let cause = format!("{cause:#}");
                if failures.is_news(number, &cause) {
                    tracing::error!(name: "tick.failed", tick = name, cause, "a loop failed; it will be run again");
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    _ = stopped.changed() => {}
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            changed = pace.hint.changed() => if changed.is_err() {
                // Nobody will ever hint: wait the time out.
                tokio::select! {
                    () = tokio::time::sleep(every) => {}
                    _ = stopped.changed() => {}
                }
            },
            _ = stopped.changed() => {}
        }
    }
}

/// Why loops fail now, by loop: what several meet at the same time, such as a database that is down, is one event.
#[derive(Default)]
struct Failures(Mutex<BTreeMap<usize, String>>);

impl Failures {
    /// Notes that a loop failed; true where no loop failed for this reason before.
    fn is_news(&self, number: usize, cause: &str) -> bool {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failing.values().any(|known| known == cause);
        failing.insert(number, cause.to_owned());
        !known
    }

    /// Notes that a loop works; true where it was the last that failed for its reason.
    fn over(&self, number: usize) -> bool {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cause = failing.remove(&number);
        cause.is_some_and(|cause| !failing.values().any(|other| *other == cause))
    }
}

/// The problems of one loop, and when each was last met.
#[derive(Default)]
struct Problems(BTreeMap<String, Instant>);

impl Problems {
    /// Those that were not told yet.
    fn news(&mut self, met: Vec<String>, now: Instant) -> Vec<String> {
        self.0
            .retain(|_, seen| now.saturating_duration_since(*seen) < FORGET);
        met.into_iter()
            .filter(|problem| self.0.insert(problem.clone(), now).is_none())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_that_all_loops_meet_is_told_once_and_so_is_its_end() {
        let failures = Failures::default();
        assert!(failures.is_news(0, "the database is down"));
        assert!(!failures.is_news(1, "the database is down"));
        assert!(!failures.is_news(0, "the database is down"), "again and again");
        assert!(failures.is_news(2, "something else"));
        assert!(!failures.over(0), "one still fails");
        assert!(failures.over(1));
        assert!(!failures.over(1), "it worked before");
        assert!(failures.is_news(0, "the database is down"), "a second outage");
    }

    #[test]
    fn a_problem_is_told_when_it_changes() {
        let (mut problems, now) = (Problems::default(), Instant::now());
        let one = || vec!["dep_1: no such slot".to_owned()];
        assert_eq!(problems.news(one(), now), one());
        assert!(problems.news(Vec::new(), now).is_empty(), "nothing was due");
        assert!(problems.news(one(), now + PAUSE).is_empty());
        let other = vec!["dep_1: gone".to_owned()];
        assert_eq!(problems.news(other.clone(), now + PAUSE), other);
        assert_eq!(problems.news(one(), now + PAUSE + FORGET), one());
    }

    #[tokio::test]
    async fn stopping_does_not_wait_for_a_tick_that_waits_for_others() {
        let (stopping, stopped) = watch::channel(false);
        let began = Arc::new(tokio::sync::Notify::new());
        let begins = began.clone();
        let mut loops = Loops::new(stopped);
        let pace = Pace {
            name: "hangs",
            every: PAUSE,
            hint: watch::channel(0).1,
            droppable: true,
        };
        let hangs = tick(move || {
            begins.notify_one();
            std::future::pending()
        });
        loops.spawn(pace, hangs);
        began.notified().await;
        stopping.send_replace(true);
        loops.ended().await;
    }
}
