//! `run` keeps a pod's bindings fresh; `probe` and `started` tell the kubelet whether the app may start.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use sandbind_binder_sidecar::{drive, gate};
use sandbind_wire::name::ENV_BINDINGS;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("run") => run(),
        Some("probe") => wait(gate::PROBE),
        Some("started") => wait(gate::STARTED),
        _ => fail(2, "usage: sandbind-binder-sidecar run|probe|started"),
    }
}

fn run() -> ExitCode {
    match drive::Plan::from_env(|name| std::env::var(name).ok()) {
        Ok(plan) => drive::run(plan).unwrap_or_else(|e| fail(1, &format!("the system refused: {e}"))),
        Err(e) => fail(1, &format!("`{ENV_BINDINGS}` is not understood: {e}")),
    }
}

fn wait(limit: Duration) -> ExitCode {
    let gate = gate::Gate::new(drive::state_dir(|name| std::env::var(name).ok()));
    gate.wait(limit).map_or_else(|line| fail(1, &line), |()| ExitCode::SUCCESS)
}

fn fail(code: u8, line: &str) -> ExitCode {
    let _closed = writeln!(io::stdout(), "{line}");
    ExitCode::from(code)
}
