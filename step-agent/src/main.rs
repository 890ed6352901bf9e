//! `sandbind-step-agent install PATH` copies itself; without arguments it runs the step of its pod.

use std::{path::Path, process::ExitCode};

use sandbind_step_agent::agent::{self, Outcome, say};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => agent::run().map(|outcome| describe(&outcome)).map_err(|e| chain(&e)),
        ["install", target] => sandbind_step_agent::install::install(Path::new(target))
            .map(|()| format!("installed {target}"))
            .map_err(|e| format!("cannot install {target}: {e}")),
        _ => {
            say("usage: sandbind-step-agent [install PATH]");
            return ExitCode::from(2);
        }
    };
    let (line, code) = done.map_or_else(|e| (e, ExitCode::FAILURE), |line| (line, ExitCode::SUCCESS));
    say(&line);
    code
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered => "result delivered".to_owned(),
        Outcome::Stale => "result delivered, but the attempt was over".to_owned(),
        Outcome::Refused(reason) => format!("nothing to do: {reason}"),
        Outcome::Ended => "told to end before there was anything to do".to_owned(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |e| e.source())
        .fold(error.to_string(), |line, e| format!("{line}: {e}"))
}
