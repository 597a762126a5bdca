//! The time of the simulated world.
//!
//! Everything in this crate that has a duration asks this clock. A test drives it by hand and the world
//! stands still in between; the demo lets it run, with real timestamps and durations divided by a speed.
//! Nothing ticks by itself: the AWS engine computes the world up to `now` whenever it is asked something.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// A clock that all parts of one simulated world share. Clones show the same time.
#[derive(Clone, Debug)]
pub struct SimClock(Arc<Mode>);

#[derive(Debug)]
enum Mode {
    Driven(watch::Sender<i64>),
    Running { speed: u32 },
}

impl SimClock {
    /// A clock that shows `start_millis` (milliseconds since 1970, UTC) until it is advanced.
    pub fn driven(start_millis: i64) -> Self {
        Self(Arc::new(Mode::Driven(watch::channel(start_millis).0)))
    }

    /// A clock that shows real time while every simulated duration is `speed` times shorter.
    pub fn running(speed: u32) -> Self {
        Self(Arc::new(Mode::Running { speed: speed.max(1) }))
    }

    /// Milliseconds since 1970, UTC.
    pub fn now_millis(&self) -> i64 {
        match &*self.0 {
            Mode::Driven(now) => *now.borrow(),
            Mode::Running { .. } => real_millis(),
        }
    }

    /// Milliseconds since 1970 on everybody's clock, also where simulated time stands still: what AWS's
    /// clients hold the expiry of their credentials against.
    pub fn real_millis(&self) -> i64 {
        real_millis()
    }

    /// Moves a driven clock. Says whether it moved: a running clock cannot be pushed.
    pub fn advance(&self, by: Duration) -> bool {
        let Mode::Driven(now) = &*self.0 else { return false };
        now.send_modify(|now| *now = now.saturating_add(millis(by)));
        true
    }

    /// How long a simulated `duration` takes on this clock, in milliseconds; on a running one never nothing.
    pub fn pace(&self, duration: Duration) -> i64 {
        match &*self.0 {
            Mode::Driven(_) => millis(duration),
            Mode::Running { speed } => (millis(duration) / i64::from(*speed)).max(1),
        }
    }

    /// Waits until the simulated `duration` has passed: until a driven clock was advanced that far,
    /// or for the scaled real time.
    pub async fn sleep(&self, duration: Duration) {
        match &*self.0 {
            Mode::Driven(now) => {
                let until = self.now_millis().saturating_add(millis(duration));
                // The sender lives in `self`, so waiting cannot fail.
                let _ = now.subscribe().wait_for(|now| *now >= until).await;
            }
            Mode::Running { .. } => {
                let scaled = u64::try_from(self.pace(duration)).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(scaled)).await;
            }
        }
    }

    /// Waits until time has moved: the next `advance` of a driven clock, a moment of a running one.
    pub async fn changed(&self) {
        match &*self.0 {
            Mode::Driven(now) => {
                let _ = now.subscribe().changed().await;
            }
            Mode::Running { .. } => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the simulated world reads the real clock"
)]
fn real_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn driven_time_stands_still_until_advanced() {
        let clock = SimClock::driven(1_000);
        assert_eq!(clock.now_millis(), 1_000);
        let other = clock.clone();
        let waiter = tokio::spawn(async move { other.sleep(Duration::from_secs(2)).await });
        tokio::task::yield_now().await;
        assert!(clock.advance(Duration::from_secs(2)));
        waiter.await.expect("the sleeper wakes");
        assert_eq!(clock.now_millis(), 3_000);
    }

    #[test]
    fn running_time_shortens_durations_and_cannot_be_pushed() {
        let clock = SimClock::running(10);
        assert_eq!(clock.pace(Duration::from_secs(30)), 3_000);
        assert!(!clock.advance(Duration::from_secs(1)));
    }
}
