//! The protocol, checked exhaustively within larger bounds than the tests take: `cargo run --release -p sandbind-core --example
//! model`. Minutes and gigabytes; prints a line for each.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::print_stdout,
    dead_code,
    reason = "a finite model"
)]

#[path = "../tests/model/protocol.rs"]
mod protocol;

use std::process::ExitCode;

use protocol::{Bounds, Protocol, Weak};
use stateright::{Checker, HasDiscoveries, Model};

fn main() -> ExitCode {
    let small =
        Bounds { admissions: 1, runners: 1, fails: 0, losts: 0, retries: 0, refreshes: 0, deletes: 0 };
    let mut failed = false;
    for (name, bounds) in [
        ("two runners, a failure", Bounds { runners: 2, fails: 1, ..small }),
        ("two runners, a loss", Bounds { runners: 2, losts: 1, ..small }),
        ("two runners, a refresh", Bounds { runners: 2, refreshes: 1, ..small }),
        ("two admissions, a failure", Bounds { admissions: 2, fails: 1, ..small }),
        ("two admissions, a loss", Bounds { admissions: 2, losts: 1, ..small }),
        ("two failures, a loss, a deletion", Bounds { fails: 2, losts: 1, deletes: 1, ..small }),
    ] {
        let model = Protocol::new(Weak::Nothing, bounds, 8);
        let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let violated: Vec<&str> =
            checker.discoveries().into_keys().filter(|found| found.starts_with('I')).collect();
        println!("{name}: {} states, violated: {violated:?}", checker.unique_state_count());
        failed |= !violated.is_empty();
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
