//! The only place that prints. Data goes to stdout, everything else to stderr; progress shows only on a terminal.
#![expect(clippy::print_stderr, reason = "the one module that prints")]
#![expect(clippy::unused_self, reason = "only who was given the shell prints")]

mod frame;
mod sarif;

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use jiff::Timestamp;
use sandbind_core::problem::{Problem, Severity};
use serde::Serialize;
use serde_json::Value;

use crate::exit::{Failure, Outcome};
pub(crate) use sarif::sarif;

/// How data is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables and sentences.
    #[default]
    Human,
    /// JSON, indented by 2.
    Json,
    /// YAML that every reader takes the same way.
    Yaml,
    /// What `plugin validate` finds, as SARIF 2.1.0.
    Sarif,
}

/// Where a command says what it has to say.
#[derive(Debug)]
pub(crate) struct Shell {
    format: Format,
    terminal: bool,
}

impl Shell {
    /// For the process's own streams.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, terminal: std::io::stderr().is_terminal() }
    }

    /// How data is asked for.
    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    /// Data as it is, a line end added when it has none. A closed pipe is no failure.
    pub(crate) fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _closed = out.write_all(text.as_bytes());
        if !text.is_empty() && !text.ends_with('\n') {
            let _closed = out.write_all(b"\n");
        }
        let _closed = out.flush();
    }

    /// Data in the format that was asked for; `human` makes the text for people.
    pub(crate) fn show<T: Serialize>(&self, value: &T, human: impl FnOnce() -> String) -> Outcome {
        match self.format {
            Format::Human => self.data(&human()),
            Format::Json | Format::Sarif => self.data(&serde_json::to_string_pretty(&plain(value)?)?),
            Format::Yaml => self.data(&yaml(&plain(value)?)),
        }
        Ok(())
    }

    /// A sentence beside the data: what was done.
    pub(crate) fn note(&self, text: &str) {
        eprintln!("{text}");
    }

    /// What is going on; only where a person looks on.
    pub(crate) fn progress(&self, text: &str) {
        if self.terminal {
            eprintln!("  {text}");
        }
    }

    /// Whether a person looks on.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Draws lines on the terminal in the place of the last `before` ones.
    pub(crate) fn draw(&self, before: usize, lines: &[String]) {
        if before > 0 {
            eprint!("\x1b[{before}A");
        }
        for line in lines {
            eprintln!("\x1b[2K{line}");
        }
    }

    /// A problem with its four parts.
    pub(crate) fn problem(&self, problem: &Problem) {
        eprint!("{}", human(problem));
    }

    /// Says what went wrong, if anything, and answers the exit code.
    pub(crate) fn end(&self, outcome: Outcome) -> ExitCode {
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure { exit, problems }) => {
                for problem in &problems {
                    self.problem(problem);
                }
                ExitCode::from(exit.code())
            }
        }
    }
}

/// Help and version go to stdout with 0, wrong usage to stderr with 2.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _closed = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// As data, without the API server's own bookkeeping.
fn plain(value: &impl Serialize) -> Outcome<Value> {
    fn strip(object: &mut Value) {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    }
    let mut value = serde_json::to_value(value)?;
    strip(&mut value);
    if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(strip);
    }
    Ok(value)
}

/// A problem as people read it.
pub(crate) fn human(problem: &Problem) -> String {
    let head = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = format!("{head}: {}: {}\n", problem.code, problem.reason);
    if !problem.place.is_empty() {
        let _infallible = writeln!(text, "  at:      {}", problem.place);
    }
    text.push_str(&frame::frame(problem));
    if !problem.way_out.is_empty() {
        let _infallible = writeln!(text, "  way out: {}", problem.way_out);
    }
    text
}

/// One YAML document.
pub(crate) fn yaml(value: &Value) -> String {
    sandbind_core::yaml::write(value)
}

/// Several YAML documents.
pub(crate) fn yaml_stream(values: &[Value]) -> String {
    sandbind_core::yaml::write_all(values)
}

/// How long ago, in the largest fitting unit, as kubectl shows it.
pub(crate) fn age(from: Option<Timestamp>, now: Timestamp) -> String {
    let Some(from) = from else { return String::new() };
    let seconds = now.duration_since(from).as_secs().max(0);
    let (count, unit) = match seconds {
        0..120 => (seconds, 's'),
        120..7_200 => (seconds / 60, 'm'),
        7_200..172_800 => (seconds / 3_600, 'h'),
        _ => (seconds / 86_400, 'd'),
    };
    format!("{count}{unit}")
}

/// Columns of equal width, three spaces between them, the last one not padded.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    lines
        .iter()
        .map(|line| {
            let last = line.len().saturating_sub(1);
            let mut text = String::new();
            for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
                text.push_str(cell);
                if at < last {
                    text.extend(std::iter::repeat_n(' ', width + 3 - cell.chars().count().min(*width)));
                }
            }
            format!("{}\n", text.trim_end())
        })
        .collect::<Vec<_>>()
        .concat()
}
