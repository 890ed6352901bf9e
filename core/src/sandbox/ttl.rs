//! When a sandbox ends by itself.

use std::time::Duration;

use jiff::Timestamp;
use sandbind_wire::name;

use crate::api::{
    Sandbox, Span,
    sandbox::{Lifetime, OffsetFrom, Ttl},
};

/// People are told this long before the end, or at half time where that is later.
const NOTICE: Duration = Duration::from_secs(3600);

/// The end of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When it is deleted.
    pub at: Timestamp,
    /// From when on people are told.
    pub notice: Timestamp,
}

/// When the sandbox ends, as things are. None: no end is in sight, as it has no time to live, or one that counts from its last
/// use and is `used` now. A hold puts the end off. `last_used`: when a pod of it was last seen.
pub fn end(
    sandbox: &Sandbox,
    default_ttl: Option<Span>,
    used: bool,
    last_used: Option<Timestamp>,
) -> Option<End> {
    let by_default = || {
        let duration = default_ttl.filter(|_| sandbox.spec.lifetime == Lifetime::Explicit)?;
        Some(Ttl { duration, offset_from: OffsetFrom::CreatedAt })
    };
    let ttl = sandbox.spec.ttl.clone().or_else(by_default)?;
    let created = sandbox.metadata.creation_timestamp.as_ref()?.0;
    let from = match ttl.offset_from {
        OffsetFrom::CreatedAt => created,
        OffsetFrom::LastUsedAt if used => return None,
        OffsetFrom::LastUsedAt => last_used.unwrap_or(created),
    };
    let duration = ttl.duration.duration();
    let at = from.checked_add(duration).ok()?;
    let at = hold(sandbox).map_or(at, |hold| hold.max(at));
    let notice = at.checked_sub(NOTICE.min(duration / 2)).ok()?;
    Some(End { at, notice })
}

/// Until when a person asked to keep what the sandbox has.
pub fn hold(sandbox: &Sandbox) -> Option<Timestamp> {
    sandbox.metadata.annotations.as_ref()?.get(name::ANNOTATION_HOLD)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::fixture::{at, sandbox};

    #[test]
    fn the_end_counts_from_creation_or_from_the_last_use() {
        let ttl = |duration: &str, from: &str| serde_json::json!({"ttl": {"duration": duration, "offsetFrom": from}});
        let explicit = serde_json::json!({});
        let while_used = serde_json::json!({"lifetime": "WhileUsed"});
        let (created, used) = ("createdAt", "lastUsedAt");
        for (spec, default, in_use, last, expected) in [
            (explicit.clone(), None, false, None, None),
            (explicit, Some(600), false, None, Some((600, 300))),
            (while_used, Some(600), false, None, None),
            (ttl("2h", created), None, true, Some(50), Some((7200, 3600))),
            (ttl("1h", created), Some(60), false, None, Some((3600, 1800))),
            (ttl("1d", created), None, false, None, Some((86_400, 82_800))),
            (ttl("10m", used), None, false, None, Some((600, 300))),
            (ttl("10m", used), None, false, Some(100), Some((700, 400))),
            (ttl("10m", used), None, true, Some(100), None),
        ] {
            let found = end(&sandbox(&spec), default.map(Span::from_secs), in_use, last.map(at));
            let expected = expected.map(|(end, notice)| End { at: at(end), notice: at(notice) });
            assert_eq!(found, expected, "{spec} {default:?} {in_use} {last:?}");
        }
    }

    #[test]
    fn a_hold_puts_the_end_off() {
        let mut held = sandbox(&serde_json::json!({"ttl": {"duration": "10m"}}));
        held.metadata.annotations = Some([(name::ANNOTATION_HOLD.to_owned(), at(5000).to_string())].into());
        assert_eq!(end(&held, None, false, None), Some(End { at: at(5000), notice: at(4700) }));
        held.metadata.annotations = Some([(name::ANNOTATION_HOLD.to_owned(), "soon".to_owned())].into());
        assert_eq!(end(&held, None, false, None).map(|end| end.at), Some(at(600)));
    }
}
