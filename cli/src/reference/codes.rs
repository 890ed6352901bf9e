//! What each code, condition and Event means: the one table of them. `tests/tests/docs/codes.rs` compares it with the source.

mod binding;
mod command;
mod condition;
mod hub;
mod migrate;
mod plugin;
mod pod;
mod step;

use std::fmt::Write as _;

/// Codes of one subject: a heading, a sentence, and a line `CODE | meaning | way out` for each.
struct Subject {
    heading: &'static str,
    about: &'static str,
    columns: [&'static str; 3],
    lines: &'static str,
}

const SUBJECTS: &[&[Subject]] = &[
    plugin::SUBJECTS,
    binding::SUBJECTS,
    pod::SUBJECTS,
    step::SUBJECTS,
    condition::SUBJECTS,
    hub::SUBJECTS,
    command::SUBJECTS,
    migrate::SUBJECTS,
];

/// What is said of one code, or of a condition or an Event of that name.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    /// The code.
    pub(crate) code: &'static str,
    /// What it is about.
    pub(crate) subject: &'static str,
    /// Who tells it, and when.
    pub(crate) about: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
    /// What to do.
    pub(crate) way_out: &'static str,
}

/// All of them, subject by subject.
pub(crate) fn all() -> impl Iterator<Item = Entry> {
    SUBJECTS.iter().copied().flatten().flat_map(|Subject { heading, about, lines, .. }| {
        lines.lines().filter_map(|line| {
            let mut cells = line.splitn(3, " | ");
            let (code, meaning, way_out) = (cells.next()?, cells.next()?, cells.next()?);
            Some(Entry { code, subject: heading, about, meaning, way_out })
        })
    })
}

/// Those of a name: a code may stand for one thing told at two places.
pub(crate) fn find(code: &str) -> Vec<Entry> {
    all().filter(|entry| entry.code == code).collect()
}

/// Markdown: one table for each subject.
pub(super) fn markdown() -> String {
    let mut text = String::from(
        "# Codes, conditions, Events\n\n\
         The API server's answers, Events and conditions tell a problem in one line, `Code: place: reason (way out)`. The command tells the \
         same parts in lines of their own, the first of which begins with `error:` or `warning:`. The code is stable: it is also the reason of \
         a condition and the label `reason` of the webhook's metrics. What is told there is exact; this page says what it means in general.\n",
    );
    for Subject { heading, about, columns: [first, second, third], lines } in
        SUBJECTS.iter().copied().flatten()
    {
        let _infallible =
            write!(text, "\n## {heading}\n\n{about}\n\n| {first} | {second} | {third} |\n|---|---|---|\n");
        for line in lines.lines() {
            let mut cells = line.splitn(3, " | ");
            let mut cell = || cells.next().unwrap_or_default();
            let _infallible = writeln!(text, "| `{}` | {} | {} |", cell(), cell(), cell());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_has_three_cells_and_stands_once_in_order() {
        for subject in SUBJECTS.iter().copied().flatten() {
            let mut names = BTreeSet::new();
            let mut last = "";
            for line in subject.lines.lines() {
                let cells: Vec<&str> = line.split(" | ").collect();
                assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.trim().is_empty()), "{line}");
                assert!(names.insert(cells[0]) && last < cells[0], "{}: {line}", subject.heading);
                last = cells[0];
            }
        }
    }
}
