//! The rows, one subject per file.

mod alone;
mod authoring;
mod create_call;
mod crowd;
mod leaks;
mod live;
mod release;
mod removal;
mod sidecar;
mod starts;

use std::path::PathBuf;

use crate::row::Row;

/// What there is to measure with.
pub(crate) struct Means {
    /// Only rows whose name contains this.
    pub(crate) filter: String,
    /// Folder with the image's programs.
    pub(crate) programs: PathBuf,
    /// A cluster with sandbind installed.
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// Measures some rows.
type Measure = fn(&Means) -> anyhow::Result<Vec<Row>>;

/// Name and measurement.
const ROWS: &[(&str, Measure)] = &[
    ("webhook-alone", alone::measure),
    ("webhook-crowd", crowd::measure),
    ("sidecar", sidecar::measure),
    ("release", release::measure),
    ("create-call", create_call::measure),
    ("starts", starts::measure),
    ("removal", removal::measure),
    ("live", live::measure),
    ("authoring", authoring::measure),
    ("leaks", leaks::measure),
];

/// All that are wanted, printed as they come. One that cannot be measured says so and stops nothing.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the report")]
pub(crate) fn all(means: &Means) -> anyhow::Result<()> {
    println!("| what | figure | goal | |\n|---|---|---|---|");
    let mut failed = Vec::new();
    for (name, measure) in ROWS.iter().filter(|(name, _)| name.contains(&means.filter)) {
        match measure(means) {
            Ok(rows) => rows.iter().for_each(|row| println!("{row}")),
            Err(error) => {
                eprintln!("{name}: {error:#}");
                failed.push(*name);
            }
        }
    }
    anyhow::ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}
