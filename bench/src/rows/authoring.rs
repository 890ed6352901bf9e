//! What a plugin's author waits for: `plugin validate`, also of what is meant to take long, and `plugin test`.

use std::{
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, ensure};

use super::Means;
use crate::{figure::median, row::Row};

const RUNS: usize = 20;
/// Steps of the long document: as many as a plugin may have.
const STEPS: usize = 32;
/// Lines of each of their scripts.
const SCRIPT: usize = 59;

/// The command's own time, its process and all.
pub(crate) fn measure(means: &Means) -> anyhow::Result<Vec<Row>> {
    let program = means.programs.join("sandbind");
    ensure!(program.exists(), "no {}; `cargo xtask image` makes it", program.display());
    let folder = tempfile::tempdir()?;
    let long = long();
    let lines = long.lines().count();
    let validated = medians(&program, folder.path(), &long, &["plugin", "validate"], true)?;
    let mut worst = (0.0_f64, "");
    for (what, text) in hostile() {
        let took = medians(&program, folder.path(), &text, &["plugin", "validate"], false)?;
        if took > worst.0 {
            worst = (took, what);
        }
    }
    let tested = medians(&program, folder.path(), ONE_STEP, &["plugin", "test"], true)?;
    let scripts = scripts()?;
    Ok(vec![
        Row {
            what: "`plugin validate` of a long document",
            figure: format!("{validated:.0} ms ({lines} lines, median of {RUNS})"),
            goal: "≤ 50 ms (2,000 lines)",
            met: Some(validated <= 50.0),
        },
        Row {
            what: "the same of documents that are made to take long: the slowest",
            figure: format!("{:.0} ms ({}, median of {RUNS})", worst.0, worst.1),
            goal: "≤ 1 s",
            met: Some(worst.0 <= 1000.0),
        },
        Row {
            what: "`plugin test` of one step, besides its scripts",
            figure: format!(
                "{:.0} ms ({tested:.0} ms less {scripts:.0} ms, medians of {RUNS})",
                tested - scripts
            ),
            goal: "≤ 150 ms",
            met: Some(tested - scripts <= 150.0),
        },
    ])
}

/// Median milliseconds of a command on this text. `well`: it must succeed; else it must be refused.
fn medians(program: &Path, folder: &Path, text: &str, command: &[&str], well: bool) -> anyhow::Result<f64> {
    let file = folder.join("plugin.yaml");
    std::fs::write(&file, text)?;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let mut run = Command::new(program);
        run.args(command).arg("-f").arg(&file).env("XDG_STATE_HOME", folder);
        let begin = Instant::now();
        let status = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        let status = status.with_context(|| format!("cannot start {}", program.display()))?;
        ensure!(status.success() == well, "{command:?} ended with {status}");
    }
    Ok(median(&times))
}

const ONE_STEP: &str = r##"name: one
spec:
  runner: {image: "localhost/test:1"}
  create:
  - {name: make, outputs: [{name: url, valueFromPath: url}], script: "#!/bin/sh\nprintf x >url"}
  delete:
  - {name: drop, script: "#!/bin/sh\n:"}
"##;

/// Median milliseconds of the scripts of [`ONE_STEP`] by themselves.
fn scripts() -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begin = Instant::now();
        for script in ["printf x", ":"] {
            Command::new("/bin/sh").args(["-c", script]).stdout(Stdio::null()).status()?;
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(&times))
}

/// A plugin whose steps hand a value on, one to the next.
fn long() -> String {
    let mut text = "name: long\nspec:\n  runner: {image: \"localhost/test:1\"}\n  create:\n".to_owned();
    for step in 0..STEPS {
        let inputs = match step {
            0 => "[]".to_owned(),
            _ => format!("[{{name: it, valueFromStep: {{name: s{}, output: it}}}}]", step - 1),
        };
        let _infallible = write!(
            text,
            "  - name: s{step}\n    inputs: {inputs}\n    outputs: [{{name: it, valueFromPath: it}}]\n    script: |\n      #!/bin/sh\n"
        );
        for line in 1..SCRIPT {
            let _infallible = writeln!(text, "      printf '%s' \"line {line} of step {step}\" >it");
        }
    }
    text
}

/// Documents that would cost a careless reader minutes, or all of its memory.
fn hostile() -> Vec<(&'static str, String)> {
    let bomb = (1..30).fold("a0: &a0 [x, x, x, x]\n".to_owned(), |mut text, level| {
        let before = level - 1;
        let _infallible =
            writeln!(text, "a{level}: &a{level} [*a{before}, *a{before}, *a{before}, *a{before}]");
        text
    });
    let keys = (0..200_000).fold(String::new(), |mut text, key| {
        let _infallible = writeln!(text, "k{key}: 1");
        text
    });
    let head = "name: it\nspec:\n  runner: {image: i}\n  create:\n";
    vec![
        ("10 MB", "a: b\n".repeat(2_000_000)),
        ("4 MB of steps without names", format!("{head}{}", "  - {script: x}\n".repeat(250_000))),
        ("100,000 levels", "[".repeat(100_000)),
        ("an alias bomb", bomb),
        ("200,000 different keys", keys),
        ("4 MB in one line", format!("name: {}", "x".repeat(4 << 20))),
        ("a million placeholders", format!("name: \"{}\"", "@{a}".repeat(1_000_000))),
    ]
}
