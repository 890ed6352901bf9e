//! The sidecar's program by itself: its size, and how long it takes to start and end.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::Context as _;

use super::Means;
use crate::{figure::median, row::Row};

const RUNS: usize = 50;

/// Size and start. Memory and processor time are measured in pods.
pub(crate) fn measure(means: &Means) -> anyhow::Result<Vec<Row>> {
    let program = means.programs.join("sandbind-binder-sidecar");
    let size = std::fs::metadata(&program)
        .with_context(|| format!("no {}; `cargo xtask image` makes it", program.display()))?
        .len();
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begin = Instant::now();
        Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let start = median(&times);
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let mib = size as f64 / f64::from(1 << 20);
    Ok(vec![
        Row {
            what: "sidecar: static binary",
            figure: format!("{mib:.2} MiB"),
            goal: "≤ 3 MiB",
            met: Some(mib <= 3.0),
        },
        Row {
            what: "sidecar: a process of it started and ended",
            figure: format!("{start:.1} ms (median of {RUNS})"),
            goal: "≤ 20 ms",
            met: Some(start <= 20.0),
        },
    ])
}
