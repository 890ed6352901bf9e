//! How long to wait before trying again. Randomness is an argument.

use std::time::Duration;

/// Doubling pauses between `first` and `cap`, spread by jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// No pause is longer.
    pub cap: Duration,
}

/// Between requests of a pod to the runner.
pub const LINK: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(15) };
/// Between attempts of a delete or undo step (never given up).
pub const DELETE: Backoff = Backoff { first: Duration::from_secs(5), cap: Duration::from_secs(15 * 60) };
/// Between rounds of creating.
pub const ROUND: Backoff = Backoff { first: Duration::from_secs(10), cap: Duration::from_secs(10 * 60) };
/// Between attempts of a create or refresh step that asked for another.
pub const STEP: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(60) };

impl Backoff {
    /// The pause before try number `failures + 1`, without jitter: `first · 2^(failures-1)`, at most `cap`; zero for no failure.
    pub fn pause(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1u32.checked_shl(doublings.min(30)).unwrap_or(u32::MAX);
        self.first.checked_mul(factor).unwrap_or(self.cap).min(self.cap)
    }

    /// The pause with jitter: between 75 % and 100 % of [`Self::pause`]; `random` is uniform over all of `u32`.
    pub fn jittered(&self, failures: u32, random: u32) -> Duration {
        let pause = self.pause(failures);
        pause.saturating_sub(pause.mul_f64(0.25 * f64::from(random) / f64::from(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let secs: Vec<u64> = (0..12).map(|n| DELETE.pause(n).as_secs()).collect();
        assert_eq!(secs, [0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]);
        assert_eq!(DELETE.pause(u32::MAX).as_secs(), 900);
    }

    #[test]
    fn jitter_only_shortens_and_by_a_quarter_at_most() {
        for random in [0, 1, u32::MAX / 2, u32::MAX] {
            let pause = ROUND.jittered(3, random);
            assert!(pause <= ROUND.pause(3) && pause >= ROUND.pause(3).mul_f64(0.749));
        }
    }
}
