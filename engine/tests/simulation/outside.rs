//! The world outside: what scripts made and removed, who is acting on it, who relies on it. It knows what must never be.

use std::collections::{BTreeMap, BTreeSet};

use sandbind_core::{api::instance::Work, lifecycle::record::StepRun};

/// An object outside: made by a create step of a round of an incarnation.
type Object = (String, u32, String);

#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) objects: BTreeSet<Object>,
    acting: Vec<StepRun>,
    /// Incarnations whose removal has begun, so that nobody may use them any more.
    ending: BTreeSet<String>,
    /// Running apps by incarnation.
    apps: BTreeMap<String, usize>,
    /// Times that a script ran, by run without its attempt.
    pub(crate) scripts: BTreeMap<(String, u32, Work, String), u32>,
    pub(crate) served: u32,
    pub(crate) violations: Vec<String>,
}

impl Outside {
    /// A script starts.
    pub(crate) fn begin(&mut self, run: &StepRun, removal: bool) {
        let same_life = |other: &&StepRun| other.incarnation == run.incarnation;
        for other in self.acting.iter().filter(same_life) {
            if (other.work, &other.step) == (run.work, &run.step) {
                self.violations.push(format!("two attempts act at once: {other:?} and {run:?}"));
            }
            if (other.work == Work::Delete) != (run.work == Work::Delete) {
                self.violations.push(format!("a delete step acts while others may: {other:?} and {run:?}"));
            }
        }
        if removal {
            self.ending.insert(run.incarnation.clone());
            let apps = self.apps.get(&run.incarnation).copied().unwrap_or_default();
            if apps > 0 {
                self.violations.push(format!("removed while {apps} apps use it: {run:?}"));
            }
        }
        let key = (run.incarnation.clone(), run.round, run.work, run.step.clone());
        *self.scripts.entry(key).or_default() += 1;
        self.acting.push(run.clone());
    }

    /// The script has its effect.
    pub(crate) fn effect(&mut self, run: &StepRun) {
        let object = |step: &str| (run.incarnation.clone(), run.round, step.to_owned());
        match run.work {
            Work::Create => {
                self.objects.insert(object(&run.step));
            }
            Work::Delete => {
                self.objects.remove(&object(run.step.trim_start_matches("drop-")));
            }
            Work::Refresh => {}
        }
    }

    /// The script, and every process of it, has ended.
    pub(crate) fn end(&mut self, run: &StepRun) {
        self.acting.retain(|other| other != run);
    }

    /// An app starts that relies on the resource.
    pub(crate) fn use_begins(&mut self, incarnation: &str, steps: &[&str]) {
        let has = |step: &&str| {
            self.objects.iter().any(|(life, _, made_by)| life == incarnation && made_by == step)
        };
        if !steps.iter().all(has) {
            self.violations.push(format!("an app of {incarnation} starts without what it was promised"));
        }
        if self.ending.contains(incarnation) {
            self.violations.push(format!("an app of {incarnation} starts while that is being removed"));
        }
        *self.apps.entry(incarnation.to_owned()).or_default() += 1;
        self.served += 1;
    }

    /// The app has ended.
    pub(crate) fn use_ends(&mut self, incarnation: &str) {
        if let Some(apps) = self.apps.get_mut(incarnation) {
            *apps -= 1;
        }
    }
}
