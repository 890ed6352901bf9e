//! This machine's clock, which can be moved on: a refresh that is due in an hour is due at once.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sandbind_engine::ports::Clock;

/// Time and chance of this machine.
#[derive(Debug)]
pub struct LocalClock {
    start: Instant,
    ahead: Mutex<Duration>,
}

impl Default for LocalClock {
    fn default() -> Self {
        Self { start: Instant::now(), ahead: Mutex::default() }
    }
}

impl LocalClock {
    /// Moves the wall clock on, for this program only.
    pub fn skip(&self, time: Duration) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead = ahead.saturating_add(time);
    }
}

impl Clock for LocalClock {
    fn now(&self) -> Timestamp {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        now.checked_add(ahead).unwrap_or(now)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn random(&self) -> u32 {
        // Without randomness there is only less jitter.
        getrandom::u32().unwrap_or_default()
    }
}

/// An id of 16 characters `[a-z2-7]`, by chance.
pub fn id() -> std::io::Result<String> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(sandbind_core::identity::incarnation(bytes))
}
