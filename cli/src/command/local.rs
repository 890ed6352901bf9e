//! `sandbind local`: runs of this machine, and what is left of those whose process is gone.

use jiff::Timestamp;
use sandbind_core::{api::instance::Phase, problem::Problem};
use sandbind_local::runs::{Found, Run};
use serde::Serialize;

use crate::{
    args::{GcArgs, LocalCommand},
    exit::{Failure, Outcome},
    output::{self, Shell},
    progress::Progress,
    stack::{self, Bench, store_failure},
};

/// Does it.
pub(crate) async fn run(command: LocalCommand, shell: &Shell) -> Outcome {
    match command {
        LocalCommand::List => list(shell),
        LocalCommand::Gc(args) => gc(&args, shell).await,
    }
}

/// A run as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    run: String,
    state: &'static str,
    sandbox: Option<String>,
    purpose: Option<String>,
    started: Option<Timestamp>,
    resources: Vec<String>,
}

fn list(shell: &Shell) -> Outcome {
    let runs = stack::runs()?;
    let mut rows = Vec::new();
    for id in runs.ids()? {
        match runs.take(&id) {
            Ok(None) => {}
            Ok(Some(Found::Alive)) => rows.push(Row {
                run: id,
                state: "alive",
                sandbox: None,
                purpose: None,
                started: None,
                resources: Vec::new(),
            }),
            Ok(Some(Found::Left(run))) => rows.push(left(&run)?),
            Err(error) => return Err(store_failure(&error)),
        }
    }
    shell.show(&rows, || {
        let now = Timestamp::now();
        let cells = rows.iter().map(|row| {
            vec![
                row.run.clone(),
                row.state.to_owned(),
                row.sandbox.clone().unwrap_or_default(),
                row.resources.join(", "),
                output::age(row.started, now),
                row.purpose.clone().unwrap_or_default(),
            ]
        });
        output::table(&["RUN", "STATE", "SANDBOX", "RESOURCES", "AGE", "FOR"], &cells.collect::<Vec<_>>())
    })
}

fn left(run: &Run) -> Outcome<Row> {
    let records = run.records().map_err(|error| store_failure(&error))?;
    let phase = |phase| match phase {
        Phase::Creating => "creating",
        Phase::Ready => "ready",
        Phase::Undoing | Phase::Failed => "failed",
        Phase::Deleting => "removing",
    };
    let resources =
        records.iter().map(|record| format!("{} ({})", record.spec.key.resource, phase(record.status.phase)));
    Ok(Row {
        run: run.id.clone(),
        state: "left",
        sandbox: Some(run.meta.sandbox.clone()),
        purpose: Some(run.meta.purpose.clone()),
        started: Some(run.meta.started),
        resources: resources.collect(),
    })
}

async fn gc(args: &GcArgs, shell: &Shell) -> Outcome {
    let runs = stack::runs()?;
    let ids = if args.runs.is_empty() { runs.ids()? } else { args.runs.clone() };
    let mut problems: Vec<Problem> = Vec::new();
    for id in ids {
        let found = runs.take(&id).map_err(|error| store_failure(&error))?;
        match found {
            Some(Found::Alive) if !args.runs.is_empty() => problems.push(Problem::error(
                "RunAlive",
                format!("run {id}"),
                "its process lives",
                "end it; it removes its resources itself",
            )),
            Some(Found::Alive) => {}
            Some(Found::Left(run)) if args.forget => {
                run.finish()?;
                shell.note(&format!("run {id}: given up"));
            }
            Some(Found::Left(run)) => {
                let left = Box::pin(finish(*run, shell)).await?;
                if left.is_empty() {
                    shell.note(&format!("run {id}: everything is removed"));
                }
                problems.extend(left);
            }
            None if args.runs.is_empty() => {}
            None => {
                problems.push(Problem::error(
                    "NoSuchRun",
                    format!("run {id}"),
                    "there is no such run",
                    "see `sandbind local list`",
                ));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::from(problems)) }
}

/// Removes what a run left.
async fn finish(run: Run, shell: &Shell) -> Outcome<Vec<Problem>> {
    let mut bench = Bench::begin(run, false, Progress::new(shell, false)).await?;
    bench.retry()?;
    bench.leave();
    let left = bench.gone().await;
    bench.end().await?;
    Ok(left)
}
