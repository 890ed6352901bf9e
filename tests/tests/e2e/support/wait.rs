//! Waiting for a condition with a deadline that says what was seen.

use std::{
    fmt::Display,
    thread::sleep,
    time::{Duration, Instant},
};

/// Between two looks. A pause, not a synchronisation: the condition decides.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks until there is an answer; after `seconds` fails with what was seen last.
#[track_caller]
pub fn eventually<T, S: Display>(what: &str, seconds: u64, mut look: impl FnMut() -> Result<T, S>) -> T {
    let begin = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if begin.elapsed() > Duration::from_secs(seconds) => {
                panic!("not within {seconds} s: {what}\nlast seen: {seen}")
            }
            Err(_) => sleep(PAUSE),
        }
    }
}

/// Looks for `seconds` and fails as soon as the condition does not hold.
#[track_caller]
pub fn holds<S: Display>(what: &str, seconds: u64, mut look: impl FnMut() -> Result<(), S>) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(seconds) {
        if let Err(seen) = look() {
            panic!("after {:.1} s no longer: {what}\nseen: {seen}", begin.elapsed().as_secs_f32());
        }
        sleep(PAUSE);
    }
}
