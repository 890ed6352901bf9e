//! Arithmetic on times that never fails: what is out of range stays at the end of the range.

use std::time::Duration;

use jiff::Timestamp;

/// How long ago `then` was; zero when it is in the future.
pub(super) fn since(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// How long until `then`; zero when it is past.
pub(super) fn until(now: Timestamp, then: Timestamp) -> Duration {
    since(then, now)
}

/// `now` and `pause` later.
pub(super) fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}
