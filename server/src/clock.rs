//! Time and randomness as arguments. Nothing else in the program asks the machine for either.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use app::text::Millis;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in milliseconds since 1970 UTC.
    fn now(&self) -> Millis;
}

/// A clock that is handed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Millis {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| {
                Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
            })
    }
}

/// A clock that stands still until it is moved.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Starts at an instant.
    pub fn at(now: Millis) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now)))
    }

    /// Moves on by so many milliseconds.
    pub fn advance(&self, by: Millis) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
}

/// Makes ids: prefixed and ordered by time, so that logs read well and indexes stay compact.
pub struct Ids(Mutex<StdRng>);

impl Ids {
    /// Ids nobody can guess.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    pub fn random() -> Arc<Self> {
        Arc::new(Self(Mutex::new(StdRng::from_rng(&mut rand::rng()))))
    }

    /// The same ids in each run, for tests and the demo.
    pub fn seeded(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A new id, as `trn_01jb3k5v2m0q8z7x4c6w9y1t5r`.
    pub fn next(&self, prefix: &str, now: Millis) -> String {
        let mut random = [0_u8; 10];
        self.fill(&mut random);
        let time = u128::try_from(now).unwrap_or(0) & 0xffff_ffff_ffff;
        let random = random
            .iter()
            .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        format!("{prefix}_{}", base32((time << 80) | random))
    }

    /// 256 random bits as hex, for secrets.
    pub fn secret(&self) -> String {
        let mut random = [0_u8; 32];
        self.fill(&mut random);
        random.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Fills a buffer with random bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(buffer);
    }
}

/// 26 characters, most significant first, in an alphabet that sorts like the number.
fn base32(value: u128) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    (0..26)
        .rev()
        .map(|place| {
            let index = usize::try_from((value >> (place * 5)) & 31).unwrap_or(0);
            ALPHABET.get(index).map_or('0', |letter| char::from(*letter))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let ids = Ids::seeded(1);
        let (first, second, later) = (
            ids.next("trn", 1_000),
            ids.next("trn", 1_000),
            ids.next("trn", 2_000),
        );
        assert_ne!(first, second);
        assert!(first < later && second < later);
        assert_eq!(first.len(), "trn_".len() + 26);
    }
}
