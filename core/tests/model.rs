//! The protocol, checked exhaustively within bounds; each mechanism taken away in turn, which must then be noticed. The bounds
//! are those of a minute in the dev profile; `cargo run --release --example model` takes larger ones.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a finite model in a test"
)]

#[path = "model/protocol.rs"]
mod protocol;

use protocol::{Bounds, Protocol, Weak};
use stateright::{Checker, HasDiscoveries, Model};

const SMALL: Bounds =
    Bounds { admissions: 1, runners: 1, fails: 0, losts: 0, retries: 0, refreshes: 0, deletes: 0 };

/// Names of violated invariants and of things that were never reached.
fn check(weak: Weak, bounds: Bounds, drain_every: u64) -> (Vec<String>, Vec<String>, usize) {
    let model = Protocol::new(weak, bounds, drain_every);
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found: Vec<&str> = checker.discoveries().into_keys().collect();
    let violated = found.iter().filter(|name| name.starts_with('I')).map(ToString::to_string).collect();
    let unreached = ["a pod runs", "all clean after use"];
    let unreached = unreached.iter().filter(|name| !found.contains(name)).map(ToString::to_string).collect();
    (violated, unreached, checker.unique_state_count())
}

#[test]
fn the_protocol_keeps_its_invariants() {
    for (name, bounds) in [
        ("one runner, a failure and a loss", Bounds { fails: 1, losts: 1, ..SMALL }),
        ("two runners", Bounds { runners: 2, ..SMALL }),
        ("two admissions", Bounds { admissions: 2, ..SMALL }),
        ("refresh", Bounds { refreshes: 1, losts: 1, ..SMALL }),
        ("deleted by a person", Bounds { deletes: 1, losts: 1, ..SMALL }),
    ] {
        let (violated, unreached, states) = check(Weak::Nothing, bounds, 16);
        println!("{name}: {states} states");
        assert!(violated.is_empty(), "{name}: violated {violated:?}");
        assert!(unreached.is_empty(), "{name}: never {unreached:?}");
    }
}

#[test]
fn every_mechanism_is_needed() {
    let two = Bounds { admissions: 2, ..SMALL };
    for (weak, bounds) in [
        (Weak::NoReservation, two),
        (Weak::ShortBind, two),
        (Weak::AnyPodEndsAll, two),
        (Weak::StaleList, SMALL),
        (Weak::BlindDelete, two),
        (Weak::UnclaimedStart, Bounds { runners: 2, ..SMALL }),
        (Weak::EarlyDead, Bounds { losts: 1, ..SMALL }),
        (Weak::EffectBeforeRecord, SMALL),
        (Weak::GiveUpDelete, Bounds { fails: 1, ..SMALL }),
        (Weak::SkipUndo, Bounds { fails: 2, ..SMALL }),
        (Weak::OpenUnchecked, SMALL),
        (Weak::GrantWhileDeleting, two),
        (Weak::AnyPodOfTheName, Bounds { runners: 2, losts: 1, ..SMALL }),
        (Weak::DeleteBesideOthers, Bounds { deletes: 1, ..SMALL }),
    ] {
        let (violated, _, states) = check(weak, bounds, 1);
        println!("{weak:?}: {states} states, {violated:?}");
        assert!(!violated.is_empty(), "{weak:?} goes unnoticed in {states} states");
    }
}
