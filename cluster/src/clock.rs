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

/// Random bytes for an id.
pub fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
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
