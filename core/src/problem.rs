//! What is wrong, where, why, and the way out: the one shape of everything a user is told.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a problem stops what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// It does not.
    Warning,
    /// It does.
    Error,
}

/// One problem. Every message a user sees is made of these four parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Stable code in CamelCase, such as `UnknownPlugin`; also a condition reason and a metric label.
    pub code: String,
    /// Field path (`spec.create[0].name`), object (`ResourceBinding shop/orders`) or `file:line:column`.
    pub place: String,
    /// Why, one sentence without a full stop.
    pub reason: String,
    /// What to do about it, one sentence without a full stop.
    pub way_out: String,
}

impl Problem {
    /// Something that stops what was asked.
    pub fn error(
        code: &str,
        place: impl Into<String>,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code: code.to_owned(),
            place: place.into(),
            reason: reason.into(),
            way_out: way_out.into(),
        }
    }

    /// Something worth saying that stops nothing.
    pub fn warning(
        code: &str,
        place: impl Into<String>,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, reason, way_out) }
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The same problem, seen from an outer place: `prefix` + `place`.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.place = match (prefix, self.place.as_str()) {
            (prefix, "") => prefix.to_owned(),
            (prefix, place) if place.starts_with('[') => format!("{prefix}{place}"),
            (prefix, place) => format!("{prefix}.{place}"),
        };
        self
    }
}

impl fmt::Display for Problem {
    /// `Code: place: reason (way out)`, one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, place, reason, way_out, .. } = self;
        write!(f, "{code}: ")?;
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{reason}")?;
        if way_out.is_empty() { Ok(()) } else { write!(f, " ({way_out})") }
    }
}

impl std::error::Error for Problem {}
