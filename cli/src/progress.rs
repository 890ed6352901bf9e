//! What the resources of a run are doing: lines that are drawn anew on a terminal, and a plain line per change elsewhere.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use sandbind_core::{
    api::instance::Phase,
    lifecycle::{describe, effect::Notice, record::Record},
    problem::Problem,
};

use crate::output::Shell;

/// Shows how records stand.
#[derive(Debug)]
pub(crate) struct Progress<'s> {
    shell: &'s Shell,
    quiet: bool,
    /// What was last said of each resource.
    said: BTreeMap<String, String>,
    /// Lines that stand on the terminal to be drawn anew.
    drawn: usize,
    /// Whether somebody else writes on the terminal now: then only warnings are shown.
    muted: bool,
}

impl<'s> Progress<'s> {
    /// On this shell; `quiet` shows nothing.
    pub(crate) const fn new(shell: &'s Shell, quiet: bool) -> Self {
        Self { shell, quiet, said: BTreeMap::new(), drawn: 0, muted: false }
    }

    /// Shows the records as they stand now. One that was there and is no more was removed.
    pub(crate) fn show(&mut self, records: &[Arc<Record>], now: Timestamp) {
        if self.quiet || self.muted {
            return;
        }
        let mut lines = BTreeMap::new();
        for record in records {
            let doing =
                if self.shell.is_terminal() { describe(record, now) } else { record.status.message.clone() };
            lines.insert(record.spec.key.resource.clone(), line(record.status.phase, &doing));
        }
        for name in self.said.keys() {
            lines.entry(name.clone()).or_insert_with(|| "removed".to_owned());
        }
        if lines == self.said {
            return;
        }
        if self.shell.is_terminal() {
            let drawn: Vec<String> = lines.iter().map(|(name, line)| format!("  {name}: {line}")).collect();
            self.shell.draw(self.drawn, &drawn);
            self.drawn = drawn.len();
        } else {
            for (name, line) in &lines {
                if self.said.get(name) != Some(line) {
                    self.shell.note(&format!("{name}: {line}"));
                }
            }
        }
        self.said = lines;
    }

    /// A warning that people are told; it stays.
    pub(crate) fn notice(&mut self, resource: &str, notice: &Notice) {
        if !self.quiet && notice.warning {
            self.close();
            self.shell.note(&format!("{resource}: {}", notice.message));
        }
    }

    /// Problems; they stay.
    pub(crate) fn problems(&mut self, problems: &[Problem]) {
        self.close();
        for problem in problems {
            self.shell.problem(problem);
        }
    }

    /// Leaves the terminal to somebody else, or takes it back.
    pub(crate) const fn mute(&mut self, muted: bool) {
        self.close();
        self.muted = muted;
    }

    /// What stands on the terminal stays as it is.
    pub(crate) const fn close(&mut self) {
        self.drawn = 0;
    }
}

fn line(phase: Phase, doing: &str) -> String {
    let phase = match phase {
        Phase::Creating => "creating",
        Phase::Ready => "ready",
        Phase::Undoing | Phase::Failed => "failed",
        Phase::Deleting => "removing",
    };
    if doing.is_empty() { phase.to_owned() } else { format!("{phase}: {doing}") }
}
