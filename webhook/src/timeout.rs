//! The time that the API server gives us, by the `timeout` of its own request.

use std::time::Duration;

/// What a request without a readable timeout gets: the API server's own default.
const DEFAULT: Duration = Duration::from_secs(10);
/// Kept free for the way back.
const MARGIN: Duration = Duration::from_secs(1);

/// How long an admission may be held.
pub(crate) fn budget(timeout: Option<&str>) -> Duration {
    given(timeout).saturating_sub(MARGIN)
}

/// When the answer must be out, whatever it is.
pub(crate) fn deadline(timeout: Option<&str>) -> Duration {
    given(timeout).saturating_sub(MARGIN / 2).max(MARGIN / 2)
}

fn given(timeout: Option<&str>) -> Duration {
    timeout.and_then(go_duration).unwrap_or(DEFAULT)
}

/// A duration as Go writes it: `15s`, `1m30s`, `500ms`, `1.5s`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_the_request_is_kept_for_the_way_back() {
        for (timeout, milliseconds) in [
            (Some("15s"), 14_000),
            (Some("1m0s"), 59_000),
            (Some("2.5s"), 1_500),
            (Some("900ms"), 0),
            (Some("1h0m0s"), 3_599_000),
            (Some(""), 9_000),
            (Some("15"), 9_000),
            (Some("-3s"), 9_000),
            (Some("soon"), 9_000),
            (Some("99999999999999999999s"), 9_000),
            (None, 9_000),
        ] {
            assert_eq!(budget(timeout), Duration::from_millis(milliseconds), "{timeout:?}");
        }
        assert_eq!(deadline(Some("15s")), Duration::from_millis(14_500));
    }
}
