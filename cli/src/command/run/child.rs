//! The command of a run, and the signals that are meant for it.

use std::{io::IsTerminal as _, process::ExitStatus};

use rustix::process::{Pid, Signal};
use sandbind_core::problem::Problem;
use sandbind_wire::{message::Notify, signal};
use tokio::signal::unix::{SignalKind, signal as listen};

use crate::exit::Outcome;

/// Signals that are passed on.
const FORWARDED: [Signal; 6] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2];

/// Signals that came to this process.
pub(crate) struct Signals(Vec<(Signal, tokio::signal::unix::Signal)>);

impl Signals {
    /// From now on they no longer end this process.
    pub(crate) fn listen() -> Outcome<Self> {
        let streams = FORWARDED
            .map(|signal| Ok((signal, listen(SignalKind::from_raw(signal.as_raw()))?)))
            .into_iter()
            .collect::<std::io::Result<_>>()?;
        Ok(Self(streams))
    }

    /// The next one, by number.
    pub(crate) async fn next(&mut self) -> i32 {
        let waits = self.0.iter_mut().map(|(signal, stream)| {
            let signal = *signal;
            Box::pin(async move {
                stream.recv().await;
                signal.as_raw()
            })
        });
        futures::future::select_all(waits).await.0
    }
}

/// The running command.
pub(super) struct Child {
    process: tokio::process::Child,
    pid: Option<Pid>,
}

/// Why it does not run.
pub(super) struct Refused {
    pub(super) code: u8,
    pub(super) problem: Problem,
}

impl Child {
    /// Starts it with this process's own environment and these variables over it.
    pub(super) fn start(command: &[String], variables: &[(String, String)]) -> Result<Self, Refused> {
        let program = command.first().map(String::as_str).unwrap_or_default();
        let mut child = tokio::process::Command::new(program);
        child.args(command.iter().skip(1)).envs(variables.iter().map(|(name, value)| (name, value)));
        let process = child.spawn().map_err(|error| {
            let absent = error.kind() == std::io::ErrorKind::NotFound;
            Refused {
                code: if absent { 127 } else { 126 },
                problem: Problem::error(
                    "CannotStart",
                    format!("command `{program}`"),
                    error.to_string(),
                    "name a program that is in PATH or at that path",
                ),
            }
        })?;
        let pid = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { process, pid })
    }

    /// Resolves with the exit code, 128 + n for a signal.
    pub(super) async fn ended(&mut self) -> Outcome<u8> {
        Ok(code(self.process.wait().await?))
    }

    /// Passes a signal on. What the terminal sends it sends to the command too.
    pub(super) fn forward(&self, number: i32) {
        let by_terminal = [Signal::INT, Signal::QUIT].iter().any(|signal| signal.as_raw() == number);
        if by_terminal && std::io::stdin().is_terminal() {
            return;
        }
        self.send(number);
    }

    /// Tells the command that its files changed, as its binding asks.
    pub(super) fn tell(&self, how: Option<Notify>) {
        match how {
            Some(Notify::Signal { name, .. }) => {
                if let Some(number) = signal::number(&name) {
                    self.send(number);
                }
            }
            Some(how @ Notify::Http { .. }) => {
                tokio::task::spawn_blocking(move || {
                    if let Err(reason) = sandbind_binder_sidecar::notify::tell(&how) {
                        tracing::warn!(reason, "the command could not be told that files changed");
                    }
                });
            }
            None => {}
        }
    }

    fn send(&self, number: i32) {
        if let (Some(pid), Some(signal)) = (self.pid, Signal::from_named_raw(number)) {
            let _gone = rustix::process::kill_process(pid, signal);
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => super::signaled(signal),
        (None, None) => super::OURS,
    }
}
