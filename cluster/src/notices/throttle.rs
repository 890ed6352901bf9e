//! How often people are told: the same notice once in a while, and not too many about one object.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The same notice is not told again before.
const AGAIN: Duration = Duration::from_secs(300);
/// Notices about one object in a row.
const BURST: u32 = 25;
/// Then one more per so much time.
const REFILL: Duration = Duration::from_secs(20);
/// Entries kept at most.
const KEPT: usize = 10_000;

/// Whether to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Not now.
    Silent,
    /// Now, for the `count`th time as far as this process knows.
    Say {
        /// From 1.
        count: i32,
    },
}

/// What was told lately.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By notice: how often, and when last.
    told: HashMap<String, (i32, Instant)>,
    /// By object: spent turns, and as of when.
    spent: HashMap<String, (u32, Instant)>,
}

impl Throttle {
    /// Asks for the turn to tell the notice `name` about the object `uid`.
    pub(super) fn turn(&self, uid: &str, name: &str) -> Turn {
        self.turn_at(uid, name, Instant::now())
    }

    fn turn_at(&self, uid: &str, name: &str, now: Instant) -> Turn {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.told.len() > KEPT {
            state.told.retain(|_, (_, at)| now.duration_since(*at) < AGAIN);
        }
        if state.spent.len() > KEPT {
            state.spent.retain(|_, (_, at)| now.duration_since(*at) < REFILL * BURST);
        }
        let count = match state.told.get(name) {
            Some((_, at)) if now.duration_since(*at) < AGAIN => return Turn::Silent,
            Some((count, _)) => count.saturating_add(1),
            None => 1,
        };
        let (spent, at) = state.spent.get(uid).copied().unwrap_or((0, now));
        let refilled = now.duration_since(at).as_secs() / REFILL.as_secs();
        let spent = spent.saturating_sub(u32::try_from(refilled).unwrap_or(u32::MAX));
        if spent >= BURST {
            return Turn::Silent;
        }
        state.spent.insert(uid.to_owned(), (spent + 1, now));
        state.told.insert(name.to_owned(), (count, now));
        Turn::Say { count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_notice_is_told_again_only_after_a_while() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.turn_at("u", "a", start), Turn::Say { count: 1 });
        assert_eq!(throttle.turn_at("u", "a", start + AGAIN / 2), Turn::Silent);
        assert_eq!(throttle.turn_at("u", "a", start + AGAIN), Turn::Say { count: 2 });
    }

    #[test]
    fn an_object_with_too_much_to_say_about_it_waits_for_its_turns() {
        let throttle = Throttle::default();
        let start = Instant::now();
        let told = (0..100).filter(|n| throttle.turn_at("u", &n.to_string(), start) != Turn::Silent).count();
        assert_eq!(told, BURST as usize);
        assert_eq!(throttle.turn_at("other", "x", start), Turn::Say { count: 1 });
        assert_ne!(throttle.turn_at("u", "x2", start + REFILL), Turn::Silent);
    }
}
