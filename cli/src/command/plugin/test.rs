//! `sandbind plugin test`: a plugin's whole life on this machine, attempt by attempt.

mod findings;

use std::collections::BTreeMap;

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourceBinding, ResourceBindingSpec, ResourcePlugin,
        binding::{BoundFiles, BoundResource},
        instance::Work,
    },
    lifecycle::snapshot::Params,
    problem::Problem,
};
use sandbind_local::{Attempt, runs::Meta, session::Options};
use serde::Serialize;

use super::source;
use crate::{
    args::{ExecutorKind, TestArgs},
    command::run::{Signals, show_logs, signaled},
    exit::{Exit, Failure, Outcome},
    output::{self, Shell},
    progress::Progress,
    stack::{self, Bench},
};

/// The resource's name.
const RESOURCE: &str = "resource";

/// What was run, in order of the ends.
#[derive(Serialize)]
struct Report {
    create: Vec<Line>,
    refresh: Vec<Line>,
    delete: Vec<Line>,
    ok: bool,
}

/// One attempt.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    step: String,
    attempt: u32,
    /// None where a signal, the deadline or a missing interpreter ended it.
    exit_code: Option<i32>,
    seconds: f64,
    outputs: BTreeMap<String, String>,
}

/// Creates, refreshes where the plugin can, and deletes.
pub(super) async fn run(args: TestArgs, shell: &Shell) -> Outcome {
    match args.executor {
        ExecutorKind::Process => Box::pin(test(args, shell)).await,
    }
}

async fn test(args: TestArgs, shell: &Shell) -> Outcome {
    let read = source::checked(&args.file)?;
    read.warnings.iter().for_each(|warning| shell.problem(warning));
    let plugin = ResourcePlugin::new(&read.object_name, read.plugin);
    let params = stack::pairs(&args.param, "--param")?;
    let refresh = plugin.spec.refresh.as_ref().filter(|refresh| !refresh.steps.is_empty());
    let every = refresh.map(|refresh| refresh.every.duration());
    let meta = Meta {
        sandbox: args.sandbox.clone(),
        purpose: format!("plugin test {}", plugin.spec.identity()),
        started: Timestamp::now(),
        stack: stack::stack(vec![plugin.clone()], binding(&plugin, params)),
        env: Params(stack::pairs(&args.env, "--env")?),
        links: Vec::new(),
    };
    let mut signals = Signals::listen()?;
    let run = stack::begin(meta)?;
    let id = run.id.clone();
    let holding = match stack::hold(&run.meta.stack, &args.sandbox, &run.files(), Timestamp::now()) {
        Ok(holding) => holding,
        Err(failure) => {
            run.finish()?;
            return Err(failure);
        }
    };
    let options = Options { keep: args.keep, twice: args.twice, ..Options::default() };
    let mut bench = Bench::begin_as(run, options, Progress::new(shell, false))?;
    bench.hold(&holding).await?;
    let life = async {
        if let Err(problems) = bench.ready(&holding).await {
            return problems;
        }
        if let Some(every) = every {
            let before = bench.attempts.len();
            bench.session.world.clock_ahead(every);
            bench.session.wake();
            if !bench.refreshed(1, before).await {
                return vec![refresh_failed(&bench)];
            }
        }
        Vec::new()
    };
    let lived = tokio::select! {
        problems = life => Ok(problems),
        signal = signals.next() => Err(signal),
    };
    let kept = args.keep && lived.as_ref().is_ok_and(Vec::is_empty);
    let mut left = Vec::new();
    if !kept {
        bench.leave();
        left = tokio::select! {
            left = bench.gone() => left,
            signal = signals.next() => {
                bench.stop();
                bench.end().await?;
                shell.note("not everything is removed: `sandbind local gc` goes on");
                return Err(Failure { exit: Exit::Code(signaled(signal)), problems: Vec::new() });
            }
        };
    }
    bench.look();
    let attempts = std::mem::take(&mut bench.attempts);
    bench.end().await?;
    let (mut problems, exit) = match lived {
        Ok(problems) => (problems, Exit::Failed),
        Err(signal) => (Vec::new(), Exit::Code(signaled(signal))),
    };
    problems.extend(left);
    for finding in attempts.iter().flat_map(findings::of) {
        if finding.is_error() {
            problems.push(finding);
        } else {
            shell.problem(&finding);
        }
    }
    let ok = problems.is_empty() && exit == Exit::Failed;
    let report = report(&attempts, ok);
    show_logs(&attempts, shell);
    shell.show(&report, || human(&report))?;
    if kept {
        shell.note(&format!("the resource stays; `sandbind local gc {id}` removes it"));
    }
    if ok { Ok(()) } else { Err(Failure { exit, problems }) }
}

/// One resource of the plugin, with all its outputs.
fn binding(plugin: &ResourcePlugin, params: BTreeMap<String, String>) -> ResourceBinding {
    let spec = &plugin.spec;
    let reference = match &spec.version {
        Some(version) => format!("{}@{version}", spec.name),
        None => format!("{}@draft", spec.name),
    };
    // What is typed is meant as it is.
    let params = params.into_iter().map(|(name, value)| (name, value.replace('$', "$$")));
    let spec = ResourceBindingSpec {
        resources: vec![BoundResource {
            name: RESOURCE.to_owned(),
            plugin: reference,
            params: params.collect(),
            ..BoundResource::default()
        }],
        files: vec![BoundFiles { path: "/outputs".to_owned(), resource: RESOURCE.to_owned(), items: None }],
        ..ResourceBindingSpec::default()
    };
    ResourceBinding::new("test", spec)
}

fn refresh_failed(bench: &Bench<'_>) -> Problem {
    let last = bench.attempts.iter().rev().find(|attempt| attempt.run.work == Work::Refresh);
    let place = last.map_or_else(String::new, |attempt| {
        format!("refresh step {}, attempt {}", attempt.run.step, attempt.run.attempt)
    });
    let reason = last.map(|attempt| attempt.result.last_line.clone()).filter(|line| !line.is_empty());
    Problem::error(
        "RefreshFailed",
        place,
        reason.unwrap_or_else(|| "the step failed".to_owned()),
        "put the step right",
    )
}

fn report(attempts: &[Attempt], ok: bool) -> Report {
    let of = |work| {
        let of = attempts.iter().filter(move |attempt| attempt.run.work == work);
        of.map(line).collect::<Vec<_>>()
    };
    Report { create: of(Work::Create), refresh: of(Work::Refresh), delete: of(Work::Delete), ok }
}

fn line(attempt: &Attempt) -> Line {
    let text = |(name, value): (&String, &sandbind_wire::Bytes64)| {
        (name.clone(), String::from_utf8_lossy(&value.0).into_owned())
    };
    Line {
        step: attempt.run.step.clone(),
        attempt: attempt.run.attempt,
        exit_code: attempt.exit_code(),
        seconds: std::time::Duration::from_millis(attempt.result.milliseconds).as_secs_f64(),
        outputs: attempt.result.outputs.iter().map(text).collect(),
    }
}

fn human(report: &Report) -> String {
    let parts = [("create", &report.create), ("refresh", &report.refresh), ("delete", &report.delete)];
    let rows = parts.iter().flat_map(|(work, lines)| {
        lines.iter().map(move |line| {
            vec![
                (*work).to_owned(),
                line.step.clone(),
                line.attempt.to_string(),
                line.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
                format!("{:.1}", line.seconds),
                line.outputs.keys().cloned().collect::<Vec<_>>().join(", "),
            ]
        })
    });
    let table =
        output::table(&["WORK", "STEP", "ATTEMPT", "EXIT", "SECONDS", "OUTPUTS"], &rows.collect::<Vec<_>>());
    format!("{table}{}\n", if report.ok { "ok" } else { "failed" })
}
