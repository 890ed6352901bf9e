//! The real driver and the real desk in a simulated world: many seeds with faults, and a crash at every write point.
//!
//! A failing seed is played again, with its log, by `SANDBIND_SEED=N cargo test -p sandbind-engine --test simulation seeds`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may panic"
)]

mod agents;
mod house;
mod outside;
mod plugin;
mod runner;
mod users;

use std::{collections::BTreeSet, time::Duration};

use agents::Fate;
use house::{Report, Scene, play};
use sandbind_core::api::instance::Work;
use sandbind_engine::memory::{Chance, Faults};

/// A quiet scene: nothing goes wrong but what is named.
fn quiet(script: &[(&'static str, Fate)]) -> Scene {
    Scene {
        seed: 1,
        runners: 1,
        sandboxes: vec![2],
        faults: Faults::default(),
        crashes: 0,
        mishaps: 0,
        script: script.to_vec(),
        retries: 0,
        ends_at: BTreeSet::new(),
    }
}

/// A wild scene: everything is a function of the seed.
fn wild(seed: u64) -> Scene {
    let mut chance = Chance::new(seed ^ 0xD1CE);
    let rate = |chance: &mut Chance, most: u64| chance.below(most + 1) as u32;
    let faults = Faults {
        error: rate(&mut chance, 60),
        silent: rate(&mut chance, 60),
        stale: rate(&mut chance, 200),
        latest: chance.up_to(Duration::from_secs(600)),
        conflict: rate(&mut chance, 50),
        slow: rate(&mut chance, 25),
        slowest: chance.up_to(Duration::from_secs(300)),
    };
    Scene {
        seed,
        runners: 1 + chance.below(2) as usize,
        sandboxes: (0..=chance.below(2)).map(|_| 1 + chance.below(4) as usize).collect(),
        faults,
        crashes: rate(&mut chance, 40),
        mishaps: rate(&mut chance, 8),
        script: Vec::new(),
        retries: rate(&mut chance, 2),
        ends_at: BTreeSet::new(),
    }
}

fn check(report: &Report, what: &str) {
    assert!(
        report.violations.is_empty(),
        "{what}:\n  {}\n\nlog:\n{}",
        report.violations.join("\n  "),
        report.log.join("\n")
    );
}

#[test]
fn nothing_leaks_and_nothing_is_removed_in_use_under_many_seeds_of_faults() {
    if let Ok(seed) = std::env::var("SANDBIND_SEED") {
        let scene = wild(seed.parse().unwrap());
        let report = play(&scene);
        println!("{scene:#?}\n{}", report.log.join("\n"));
        return check(&report, &format!("seed {seed}"));
    }
    let seeds: u64 = std::env::var("SANDBIND_SEEDS").map_or(150, |seeds| seeds.parse().unwrap());
    let mut served = 0;
    for seed in 0..seeds {
        let report = play(&wild(seed));
        check(
            &report,
            &format!("SANDBIND_SEED={seed} cargo test -p sandbind-engine --test simulation seeds"),
        );
        served += report.served;
    }
    assert!(u64::from(served) > seeds, "the apps ran: {served}");
}

/// The scenes whose every write point is a place to end at.
fn scenes() -> Vec<(&'static str, Scene)> {
    vec![
        ("all goes well", quiet(&[])),
        ("a step fails, then its undo, and the next round serves", {
            let script = [("b", Fate::FailsLate), ("drop-a", Fate::FailsClean)];
            Scene { seed: 2, ..quiet(&script) }
        }),
        ("a refresh fails and is done again; one pod comes late", {
            let script = [("a", Fate::Done), ("a", Fate::FailsLate)];
            Scene { seed: 3, sandboxes: vec![3], ..quiet(&script) }
        }),
    ]
}

/// Effects of a script that ran more than once in a scene where every agent could deliver its result.
fn twice(report: &Report, expected: &[(&str, u32)]) -> Vec<String> {
    let allowed =
        |step: &str| 1 + expected.iter().filter(|(name, _)| *name == step).map(|(_, n)| n).sum::<u32>();
    let scripts = report.scripts.iter();
    scripts
        .filter(|((_, _, work, step), times)| *work != Work::Refresh && **times > allowed(step))
        .map(|(script, times)| format!("{script:?} ran {times} times"))
        .collect()
}

#[test]
fn a_runner_that_ends_at_any_write_point_leaves_nothing_and_repeats_nothing() {
    let mut covered: BTreeSet<String> = BTreeSet::new();
    for (name, scene) in scenes() {
        let base = play(&scene);
        check(&base, name);
        assert_eq!(base.log, play(&scene).log, "{name}: a scene repeats exactly");
        let again: Vec<(&str, u32)> = scene.script.iter().map(|_| ("drop-a", 1)).take(1).collect();
        for (index, (side, point)) in base.points.iter().enumerate() {
            covered.insert(format!("{side:?} {point}"));
            let report = play(&Scene { ends_at: BTreeSet::from([index]), ..scene.clone() });
            let what = format!("{name}: ends at point {index}, {side:?} {point}");
            check(&report, &what);
            assert_eq!(twice(&report, &again), Vec::<String>::new(), "{what}");
            assert!(report.points.len() > index, "{what}: it was reached");
        }
        println!("{name}: {} points", base.points.len());
    }
    println!("ended at: {}", covered.into_iter().collect::<Vec<_>>().join(", "));
}

#[test]
fn a_runner_that_ends_twice_anywhere_leaves_nothing() {
    let mut chance = Chance::new(7);
    for (name, scene) in scenes() {
        let points = play(&scene).points.len() as u64;
        for _ in 0..30 {
            let first = chance.below(points) as usize;
            let second = first + 1 + chance.below(12) as usize;
            let report = play(&Scene { ends_at: BTreeSet::from([first, second]), ..scene.clone() });
            check(&report, &format!("{name}: ends at points {first} and {second}"));
        }
    }
}

#[test]
fn two_runners_at_once_do_nothing_twice() {
    for seed in 0..20 {
        let scene = Scene { seed, runners: 2, sandboxes: vec![3, 2], ..quiet(&[]) };
        let report = play(&scene);
        check(&report, &format!("two runners, seed {seed}"));
        assert_eq!(twice(&report, &[]), Vec::<String>::new(), "two runners, seed {seed}");
    }
}
