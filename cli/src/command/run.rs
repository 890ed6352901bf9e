//! `sandbind run`: a command with resources of its own, on this machine.

mod child;
mod env;
mod files;

use jiff::Timestamp;
use sandbind_core::{lifecycle::snapshot::Params, problem::Problem};
use sandbind_local::{Attempt, runs::Meta};

use crate::{
    args::RunArgs,
    exit::{Exit, Failure, Outcome},
    output::Shell,
    progress::Progress,
    stack::{self, Bench, Holding},
};
use child::Child;
pub(crate) use child::Signals;

/// When sandbind itself failed.
const OURS: u8 = 125;
/// Added to the number of a signal.
const SIGNALED: u8 = 128;

/// Makes the resources, runs the command, removes the resources.
pub(crate) async fn run(args: RunArgs, shell: &Shell) -> Outcome {
    match Box::pin(attempt(args, shell)).await {
        Ok(0) => Ok(()),
        Ok(code) => Err(Failure { exit: Exit::Code(code), problems: Vec::new() }),
        Err(failure) => Err(Failure { exit: Exit::Code(OURS), ..failure }),
    }
}

/// How it went on with the resources.
enum Made {
    Ready,
    Failed(Vec<Problem>),
    Signaled(i32),
}

async fn attempt(args: RunArgs, shell: &Shell) -> Outcome<u8> {
    let stack = stack::load(&args.files, &args.template, shell)?;
    let meta = Meta {
        sandbox: args.sandbox.clone(),
        purpose: format!("run {}", args.command.first().map(String::as_str).unwrap_or_default()),
        started: Timestamp::now(),
        stack,
        env: Params(stack::env(&args.env)?),
        links: Vec::new(),
        enclosure: None,
    };
    let mut signals = Signals::listen()?;
    let run = stack::begin(meta)?;
    let holding = match stack::hold(&run.meta.stack, &args.sandbox, &run.files(), Timestamp::now()) {
        Ok(holding) => holding,
        Err(failure) => {
            run.finish()?;
            return Err(failure);
        }
    };
    let mut bench = Bench::begin(run, false, Progress::new(shell, args.quiet)).await?;
    bench.hold(&holding).await?;
    let made = tokio::select! {
        ready = bench.ready(&holding) => ready.map_or_else(Made::Failed, |()| Made::Ready),
        signal = signals.next() => Made::Signaled(signal),
    };
    let outcome = match made {
        Made::Ready => Box::pin(use_it(&args, &mut bench, &holding, &mut signals)).await,
        Made::Failed(problems) => {
            show_logs(&bench.attempts, shell);
            Err(problems.into())
        }
        Made::Signaled(signal) => Ok(signaled(signal)),
    };
    let removed = remove(&mut bench, &mut signals).await;
    bench.end().await?;
    match (outcome, removed) {
        (outcome, Removed::All) => outcome,
        (Ok(0), Removed::Left(problems)) => Err(problems.into()),
        (outcome, Removed::Left(problems)) => {
            for problem in &problems {
                shell.problem(problem);
            }
            outcome
        }
        (_, Removed::Signaled(signal)) => {
            shell.note("not everything is removed: `sandbind local gc` goes on");
            Ok(signaled(signal))
        }
    }
}

/// The command from its start to its end, with what it needs kept fresh.
async fn use_it(
    args: &RunArgs,
    bench: &mut Bench<'_>,
    holding: &Holding,
    signals: &mut Signals,
) -> Outcome<u8> {
    files::write(bench, holding)?;
    files::link(bench, holding)?;
    let variables = env::variables(bench, holding)?;
    bench.look();
    bench.mute(true);
    let mut child = match Child::start(&args.command, &variables) {
        Ok(child) => child,
        // The command's fault, not ours: the problem is shown, the code stays.
        Err(refused) => {
            bench.problems(&[refused.problem]);
            return Ok(refused.code);
        }
    };
    let mut changes = bench.session.changes();
    loop {
        tokio::select! {
            ended = child.ended() => return ended,
            signal = signals.next() => child.forward(signal),
            changed = changes.changed() => {
                bench.look();
                match files::write(bench, holding) {
                    Ok(true) if changed.is_ok() => child.tell(holding.bindings.notify.clone()),
                    Ok(_) => {}
                    // The command goes on with the files it has.
                    Err(failure) => bench.problems(&failure.problems),
                }
            }
        }
    }
}

enum Removed {
    All,
    Left(Vec<Problem>),
    Signaled(i32),
}

async fn remove(bench: &mut Bench<'_>, signals: &mut Signals) -> Removed {
    bench.mute(false);
    bench.leave();
    let gone = tokio::select! {
        left = bench.gone() => left,
        signal = signals.next() => {
            // Whoever asks again does not want to wait.
            bench.stop();
            return Removed::Signaled(signal);
        }
    };
    if gone.is_empty() { Removed::All } else { Removed::Left(gone) }
}

/// The exit code that a signal stands for.
pub(crate) fn signaled(signal: i32) -> u8 {
    u8::try_from(signal).map_or(OURS, |signal| SIGNALED.saturating_add(signal))
}

/// What the scripts of failed attempts said, redacted as ever.
pub(crate) fn show_logs(attempts: &[Attempt], shell: &Shell) {
    const LINES: usize = 20;
    for attempt in attempts.iter().filter(|attempt| attempt.failed()) {
        let run = &attempt.run;
        let lines: Vec<&str> = attempt.result.log.lines().collect();
        let from = lines.len().saturating_sub(LINES);
        if let Some(shown) = lines.get(from..).filter(|shown| !shown.is_empty()) {
            shell.note(&format!("--- {} step {}, attempt {}:", run.work.as_str(), run.step, run.attempt));
            shell.note(&shown.join("\n"));
        }
    }
}
