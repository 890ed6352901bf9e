//! A line of the report.

use std::fmt;

/// What was measured, against its goal.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: &'static str,
    /// The figure with its unit, and of how many runs.
    pub(crate) figure: String,
    /// The goal, as `docs/performance.md` states it.
    pub(crate) goal: &'static str,
    /// Whether it is met; none: it was not measured, and the figure says why.
    pub(crate) met: Option<bool>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        write!(f, "| {} | {} | {} | {verdict} |", self.what, self.figure, self.goal)
    }
}
