//! Chance from a seed, and how often what goes wrong.

use std::time::Duration;

/// How often what goes wrong, per thousand calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A call is not made and answers an error.
    pub error: u32,
    /// A write is made and answers an error.
    pub silent: u32,
    /// A cache stands still for up to `latest`, or a hint is lost.
    pub stale: u32,
    /// How long a cache stands still at most.
    pub latest: Duration,
    /// A compare-and-swap loses against nobody.
    pub conflict: u32,
    /// A call takes up to `slowest`.
    pub slow: u32,
    /// How long a slow call takes at most.
    pub slowest: Duration,
}

/// Draws from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Everything that follows is a function of the seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5A6D_B1AD)
    }

    /// Uniform.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform below `bound`; 0 for 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or_default()
    }

    /// True so many times in a thousand.
    pub fn happens(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1000) < u64::from(per_mille)
    }

    /// Between zero and this, in whole milliseconds.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(self.below(millis + 1))
    }
}
