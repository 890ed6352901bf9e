//! The machine's clocks and its randomness.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sandbind_engine::ports::Clock;

/// The real ones.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn random(&self) -> u32 {
        // Jitter only: without randomness the clock's low bits serve.
        getrandom::u32().unwrap_or_else(|_| self.start.elapsed().subsec_nanos().wrapping_mul(2_654_435_761))
    }
}
