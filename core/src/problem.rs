//! What is wrong, where, why, and the way out: the one shape of everything a user is told.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

use crate::source::{Excerpt, Location};

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
    /// Where it is more exactly than `place` says, once somebody knows.
    #[serde(rename = "location", default, skip_serializing_if = "is_unlocated", with = "as_location")]
    pub spot: Option<Box<Spot>>,
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In these bytes of the text at its `place`: a text with a structure of its own, such as a script or an overlay. Whoever
    /// knows where the text was written finds the location.
    Within(Range<u32>),
    /// There, in these bytes of that file; what is to be seen of it.
    At(Location, Range<u32>, Excerpt),
}

#[expect(clippy::ref_option, reason = "serde hands the field over like this")]
fn is_unlocated(spot: &Option<Box<Spot>>) -> bool {
    !matches!(spot.as_deref(), Some(Spot::At(..)))
}

/// A spot in JSON: its location.
mod as_location {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Excerpt, Location, Spot};

    #[expect(clippy::ref_option, reason = "serde hands the field over like this")]
    pub(super) fn serialize<S: Serializer>(
        spot: &Option<Box<Spot>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match spot.as_deref() {
            Some(Spot::At(location, ..)) => Some(location),
            _ => None,
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<Spot>>, D::Error> {
        let location = Option::<Location>::deserialize(deserializer)?;
        Ok(location.map(|location| Box::new(Spot::At(location, 0..0, Excerpt::default()))))
    }
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
            spot: None,
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

    /// The same problem, about these bytes of the text at its place.
    #[must_use]
    pub fn about(self, bytes: Range<u32>) -> Self {
        Self { spot: Some(Box::new(Spot::Within(bytes))), ..self }
    }

    /// Where it is in the files that were read.
    pub fn location(&self) -> Option<&Location> {
        match self.spot.as_deref()? {
            Spot::At(location, ..) => Some(location),
            Spot::Within(_) => None,
        }
    }

    /// What is to be seen there.
    pub fn excerpt(&self) -> Option<&Excerpt> {
        match self.spot.as_deref()? {
            Spot::At(_, _, excerpt) => Some(excerpt),
            Spot::Within(_) => None,
        }
    }

    /// The bytes that it is about: of its file, or, as long as that is not known, of the text at its place.
    pub fn bytes(&self) -> Option<Range<u32>> {
        match self.spot.as_deref()? {
            Spot::At(_, bytes, _) | Spot::Within(bytes) => Some(bytes.clone()),
        }
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

/// The most problems of one document that are told: who corrects the first of them need not read them all.
pub const MOST_PROBLEMS: usize = 1000;

/// Problems as they are found, of each kind not many more than [`MOST_PROBLEMS`].
#[derive(Clone, Debug, Default)]
pub struct Problems {
    all: Vec<Problem>,
    errors: usize,
}

impl Problems {
    /// Adds one. Of very many warnings the last are left out.
    pub fn push(&mut self, problem: Problem) {
        if self.takes(problem.severity) {
            self.errors += usize::from(problem.is_error());
            self.all.push(problem);
        }
    }

    /// Whether one more would be added.
    pub const fn takes(&self, severity: Severity) -> bool {
        matches!(severity, Severity::Error) || self.all.len() < MOST_PROBLEMS
    }

    /// Whether so many errors were found that it is not worth to look for more.
    pub const fn is_full(&self) -> bool {
        self.errors >= MOST_PROBLEMS
    }

    /// Whether one of them is an error.
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Those that were found so far.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.all.iter()
    }

    /// Those that were found.
    pub fn into_vec(self) -> Vec<Problem> {
        self.all
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        problems.into_iter().for_each(|problem| self.push(problem));
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
