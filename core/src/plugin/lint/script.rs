//! Findings in the text of a script.

use std::{ops::Range, sync::LazyLock};

use regex_lite::Regex;

use crate::{plugin::script::interpreter, problem::Problem, source::offset};

/// Interpreters that go on after a command that failed.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// Begins a comment that silences a finding.
const ALLOW: &str = "# sandbind: allow ";

/// A pattern that is written here; one that is not right matches nothing.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// `set -e` in all its forms.
static ERREXIT: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?m)(^|[;&|\s])set\s+(-[a-zA-Z]*e|-o\s+errexit)"));
static PSQL: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(^|[;&|({\s])(psql)(\s|$)"));
static CURL: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(^|[;&|({`\s])(curl)\s"));
static CURL_FAILS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"\s(--fail|--fail-with-body|-[a-zA-Z]*f[a-zA-Z]*)(\s|$)|http_code|response_code")
});
static INSTALL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(^|[;&|({\s])((apt-get|apt|yum|dnf|microdnf)\s+(-[^\s]+\s+)*install|apk\s+(-[^\s]+\s+)*add|pip3?\s+install|npm\s+(install|i)\s|gem\s+install)",
    )
});
static PIPED: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(curl|wget)\s[^|]*\|\s*(sudo\s+)?(ba)?sh(\s|$)"));
static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r#"\s((--(password|passwd|pass|token|secret|api-key|apikey)[= ]|-p)["']?\$\{?[A-Za-z_]*|(-u|--user)[= ]?["']?[^\s"':]*:\$\{?[A-Za-z_]*)"#,
    )
});

/// A script, and the commands in it.
pub(super) struct Script<'s> {
    text: &'s str,
    shell: bool,
    lines: Vec<Line>,
}

/// A line of a shell as it counts: with those that continue it, and without comments.
struct Line {
    /// Where it begins in the script.
    at: usize,
    text: String,
}

impl<'s> Script<'s> {
    pub(super) fn of(text: &'s str) -> Self {
        let program = interpreter(text).unwrap_or("/bin/sh");
        let mut program = program.rsplit('/').next().unwrap_or_default();
        if program == "env" {
            program = text.lines().next().and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default();
        }
        Self { text, shell: SHELLS.contains(&program), lines: lines(text) }
    }

    /// Whether a comment of it silences a finding.
    pub(super) fn allows(&self, code: &str) -> bool {
        self.text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(ALLOW))
            .any(|codes| codes.split([' ', ',']).any(|allowed| allowed == code))
    }

    /// What is found; places are within the step.
    pub(super) fn findings(&self) -> Vec<Problem> {
        if !self.shell {
            return Vec::new();
        }
        let mut found: Vec<Problem> = self.errexit().into_iter().collect();
        let stops = self.text.contains("ON_ERROR_STOP");
        for line in &self.lines {
            let one_command =
                [" -c", " --command", " -l", " --list"].iter().any(|flag| line.text.contains(flag));
            if !stops && !one_command {
                found.extend(self.about(line, &PSQL, 2, || {
                    Problem::warning(
                        "PsqlGoesOn",
                        "script",
                        "`psql` goes on after a statement that failed, and exits with 0",
                        "call it with `-v ON_ERROR_STOP=1`",
                    )
                }));
            }
            if !CURL_FAILS.as_ref().is_some_and(|fails| fails.is_match(&line.text)) {
                found.extend(self.about(line, &CURL, 2, || {
                    Problem::warning(
                        "CurlIgnoresErrors",
                        "script",
                        "`curl` exits with 0 when the server answers with an error",
                        "call it with `--fail-with-body`, or look at `%{http_code}`",
                    )
                }));
            }
            let installs = || {
                Problem::warning(
                    "InstallsAtRunTime",
                    "script",
                    "it fetches programs from the network each time it runs: slow, and broken when they are not to be had",
                    "use an image that has them",
                )
            };
            found.extend(
                self.about(line, &INSTALL, 2, installs).or_else(|| self.about(line, &PIPED, 0, installs)),
            );
            found.extend(self.about(line, &SECRET, 1, || Problem::warning(
                "SecretInArguments",
                "script",
                "a secret in the arguments of a program is seen by everyone who lists processes, and often logged",
                "pass it by an env var that the program reads, by a file, or on standard input",
            )));
        }
        found
    }

    /// A shell that goes on after a failure ends with the last command's success.
    fn errexit(&self) -> Option<Problem> {
        let first = self.text.lines().next().unwrap_or_default();
        let flagged = first.starts_with("#!")
            && first.split_whitespace().skip(1).any(|word| word.starts_with('-') && word.contains('e'));
        let set = ERREXIT.as_ref().is_some_and(|set| set.is_match(self.text));
        if flagged || set || self.lines.len() < 2 {
            return None;
        }
        Some(Problem::warning(
            "GoesOnAfterFailure",
            "script",
            "nothing stops it when a command fails: what comes after runs all the same, and the last one decides",
            "begin with `set -eu`",
        ))
    }

    fn about(
        &self,
        line: &Line,
        pattern: &LazyLock<Option<Regex>>,
        group: usize,
        problem: impl Fn() -> Problem,
    ) -> Option<Problem> {
        let found = pattern.as_ref()?.captures(&line.text)?.get(group)?.range();
        let place = self.place(line.at, &found);
        Some(problem().about(offset(place.start)..offset(place.end)))
    }

    /// Where it stands in the script; the first line of a continued one has its places, and stands for the others.
    fn place(&self, at: usize, found: &Range<usize>) -> Range<usize> {
        let (start, end) = (at.saturating_add(found.start), at.saturating_add(found.end));
        let written = self.text.get(at..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
        if found.end <= written { start..end } else { at..at.saturating_add(written) }
    }
}

/// Lines with commands. What stands in a here-document is none of ours.
fn lines(text: &str) -> Vec<Line> {
    let mut all: Vec<Line> = Vec::new();
    let (mut at, mut goes_on) = (0, false);
    let mut end: Option<String> = None;
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        let line = raw.trim_end_matches(['\n', '\r']);
        if let Some(word) = &end {
            if line.trim_start_matches('\t') == word {
                end = None;
            }
            continue;
        }
        let command = line.trim_start();
        if !goes_on && (command.is_empty() || command.starts_with('#')) {
            continue;
        }
        end = here_document(line);
        let (kept, continues) = match line.strip_suffix('\\') {
            Some(kept) => (kept, true),
            None => (line, false),
        };
        match all.last_mut().filter(|_| goes_on) {
            Some(last) => last.text.push_str(kept),
            None => all.push(Line { at: start, text: kept.to_owned() }),
        }
        goes_on = continues;
    }
    all
}

/// The word that ends the here-document that a line begins.
fn here_document(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("<<")?;
    let rest = rest.trim_start_matches('-').trim_start();
    let word: String = rest
        .trim_start_matches(['\'', '"', '\\'])
        .chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect();
    (!word.is_empty()).then_some(word)
}
