//! What is left after a runner has ended at each of its write points: the simulation plays them all.

use std::process::Command;

use super::Means;
use crate::row::Row;

/// The test of `engine/tests/simulation` that does so, and says how many points there are.
const TEST: &str = "a_runner_that_ends_at_any_write_point_leaves_nothing_and_repeats_nothing";

/// Points of all scenes; the test fails at the first that leaves anything.
pub(crate) fn measure(_: &Means) -> anyhow::Result<Vec<Row>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words =
        ["test", "--quiet", "--workspace", "--test", "simulation", "--", "--exact", "--show-output", TEST];
    let ended = Command::new(cargo).args(words).output()?;
    let said = String::from_utf8_lossy(&ended.stdout);
    let count = |line: &str| line.strip_suffix(" points")?.rsplit(' ').next()?.parse::<u32>().ok();
    let points: u32 = said.lines().filter_map(count).sum();
    // Whatever is left, the test names it, and fails.
    anyhow::ensure!(
        ended.status.success() && points > 0,
        "the simulation did not pass:\n{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    Ok(vec![Row {
        what: "leaks after every crash point (simulated world)",
        figure: format!("0, after an end at each of {points} points of three scenes"),
        goal: "0",
        met: Some(true),
    }])
}
