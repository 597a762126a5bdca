//! Token buckets at half of what AWS publishes, per account, region and bucket: other tools draw from the same ones.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::aws::Scope;

/// A bucket that AWS shares between some operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bucket {
    ClusterRead,
    ServiceRead,
    ServiceModify,
    TaskDefinitionRead,
    TaskDefinitionModify,
    TaskRead,
    ServiceDeployment,
    ServiceRevision,
    Alarms,
}

impl Bucket {
    /// How many at once, and how many thousandths of one come back each second.
    const fn half(self) -> (u64, u64) {
        match self {
            Self::ClusterRead
            | Self::TaskDefinitionRead
            | Self::ServiceDeployment
            | Self::ServiceRevision => (25, 10_000),
            Self::ServiceRead | Self::TaskRead => (50, 10_000),
            Self::ServiceModify => (25, 2_500),
            Self::TaskDefinitionModify => (10, 500),
            Self::Alarms => (4, 4_500),
        }
    }
}

/// All buckets.
#[derive(Default)]
pub(super) struct Limiter(Mutex<HashMap<(Scope, Bucket), Level>>);

/// What is in a bucket, in thousandths; below nothing, callers queue.
struct Level {
    thousandths: i64,
    at: Instant,
}

impl Limiter {
    /// Takes a token, waiting for it where there is none.
    pub(super) async fn take(&self, scope: &Scope, bucket: Bucket) {
        let wait = self.reserve(scope, bucket, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn reserve(&self, scope: &Scope, bucket: Bucket, now: Instant) -> Duration {
        let (burst, rate) = bucket.half();
        let full = i64::try_from(burst * 1000).unwrap_or(i64::MAX);
        let mut levels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let level = levels.entry((scope.clone(), bucket)).or_insert(Level {
            thousandths: full,
            at: now,
        });
        let passed = u64::try_from(now.duration_since(level.at).as_millis()).unwrap_or(u64::MAX);
        let gained = i64::try_from(passed.saturating_mul(rate) / 1000).unwrap_or(i64::MAX);
        if gained > 0 {
            level.thousandths = level.thousandths.saturating_add(gained).min(full);
            level.at = now;
        }
        level.thousandths -= 1000;
        let missing = u64::try_from(-level.thousandths).unwrap_or(0);
        Duration::from_millis((missing * 1000).div_ceil(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_what_follows_comes_at_half_the_published_rate() {
        let limiter = Limiter::default();
        let scope = |account: &str| Scope {
            account: account.to_owned(),
            region: "eu-central-1".to_owned(),
        };
        let start = Instant::now();
        let wait = |account: &str, after: u64| {
            let now = start + Duration::from_secs(after);
            limiter.reserve(&scope(account), Bucket::TaskDefinitionModify, now)
        };
        for _ in 0..10 {
            assert_eq!(wait("1", 0), Duration::ZERO);
        }
        assert_eq!(wait("1", 0), Duration::from_secs(2));
        assert_eq!(wait("1", 0), Duration::from_secs(4));
        assert_eq!(
            wait("2", 0),
            Duration::ZERO,
            "another account has a bucket of its own"
        );
        assert_eq!(
            wait("1", 4),
            Duration::from_secs(2),
            "two came back meanwhile, and both were spoken for"
        );
        assert_eq!(wait("1", 60), Duration::ZERO);
    }
}
