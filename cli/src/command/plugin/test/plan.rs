//! Which scripts are killed, and when: from a seed, so that a run can be repeated.

use std::{collections::BTreeMap, time::Duration};

use sandbind_core::api::{instance::Work, plugin::ResourcePluginSpec};
use sandbind_local::Kill;

/// How long each step's script took, uninterrupted.
pub(super) type Took = BTreeMap<(Work, String), Duration>;

/// One further life of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    /// Each script twice.
    Twice,
    /// A script that is killed. `repeated`: if it is a create step, it is run again; else the round is undone.
    Killed {
        /// Which, and when.
        kill: Kill,
        /// What follows.
        repeated: bool,
    },
}

/// The trials of a plugin: each script twice; a delete of what was never made; and `count` kills at points by chance.
pub(super) fn plan(plugin: &ResourcePluginSpec, took: &Took, seed: u64, count: u32) -> Vec<Trial> {
    let mut trials = vec![Trial::Twice];
    if let Some(first) = plugin.create.first() {
        let kill = Kill { work: Work::Create, step: first.name.clone(), after: None };
        trials.push(Trial::Killed { kill, repeated: false });
    }
    let mut chance = fastrand::Rng::with_seed(seed);
    for number in 0..count {
        let Some(((work, step), took)) = chance.choice(took) else { break };
        let after = took.mul_f64(chance.f64());
        let kill = Kill { work: *work, step: step.clone(), after: Some(after) };
        trials.push(Trial::Killed { kill, repeated: number % 2 == 1 });
    }
    trials
}

#[cfg(test)]
mod tests {
    use sandbind_core::api::plugin::{Runner, Step};

    use super::*;

    fn plugin() -> ResourcePluginSpec {
        let step = |name: &str| Step { name: name.to_owned(), ..Step::default() };
        ResourcePluginSpec {
            name: "x".into(),
            version: None,
            description: None,
            runner: Runner::default(),
            params: None,
            create: vec![step("make")],
            delete: vec![step("drop")],
            refresh: None,
            allowed_namespaces: None,
            limits: None,
        }
    }

    #[test]
    fn a_seed_always_gives_the_same_kills_and_another_seed_others() {
        let took = Took::from([
            ((Work::Create, "make".to_owned()), Duration::from_millis(100)),
            ((Work::Delete, "drop".to_owned()), Duration::from_millis(50)),
        ]);
        let trials = plan(&plugin(), &took, 7, 20);
        assert_eq!(trials, plan(&plugin(), &took, 7, 20));
        assert_ne!(trials, plan(&plugin(), &took, 8, 20));
        assert_eq!(trials.len(), 22);
        let kills = trials.iter().filter_map(|trial| match trial {
            Trial::Killed { kill, repeated } => Some((kill, *repeated)),
            Trial::Twice => None,
        });
        for (kill, _) in kills.clone() {
            let most = took[&(kill.work, kill.step.clone())];
            assert!(kill.after.is_none_or(|after| after <= most), "{kill:?}");
        }
        for work in [Work::Create, Work::Delete] {
            assert!(kills.clone().any(|(kill, _)| kill.work == work), "{work:?} is killed");
        }
        for wanted in [true, false] {
            assert!(kills.clone().any(|(_, repeated)| repeated == wanted));
        }
    }

    #[test]
    fn a_plugin_without_steps_has_nothing_to_kill() {
        let nothing = ResourcePluginSpec { create: Vec::new(), delete: Vec::new(), ..plugin() };
        assert_eq!(plan(&nothing, &Took::new(), 1, 5), [Trial::Twice]);
    }
}
