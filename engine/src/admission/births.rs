//! `limits.perNamespace` while records are being made that no cache shows yet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sandbind_core::{binding::View, lifecycle::record::Record, problem::Problem};

/// How long a record may take to appear in the cache.
const UNSEEN: Duration = Duration::from_secs(10);

/// Records that this process is making or has just made.
#[derive(Debug, Default)]
pub(super) struct Births {
    pending: Mutex<BTreeMap<String, Birth>>,
}

#[derive(Debug)]
struct Birth {
    namespace_uid: String,
    identity: String,
    since: Duration,
}

/// A record about to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// The plugin it will most likely be made from.
    pub identity: &'a str,
    /// Monotonic time.
    pub at: Duration,
}

impl Births {
    /// Notes the candidate down unless `refuse` finds something against it in the view, whose counts are those of `records` and of what is
    /// not among them yet. One at a time: two who come together do not both take the last place.
    pub(super) fn begin(
        &self,
        candidate: Candidate<'_>,
        view: &View,
        records: &[Arc<Record>],
        refuse: impl FnOnce(&View) -> Vec<Problem>,
    ) -> Result<(), Vec<Problem>> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|name, birth| {
            candidate.at.saturating_sub(birth.since) < UNSEEN
                && !records.iter().any(|seen| seen.name == *name)
        });
        let mut counts = counts(view, records);
        for birth in pending.values().filter(|birth| birth.namespace_uid == view.namespace.uid) {
            *counts.entry(birth.identity.clone()).or_default() += 1;
        }
        let problems = refuse(&View { counts: Arc::new(counts), ..view.clone() });
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        pending.insert(
            candidate.name.to_owned(),
            Birth {
                namespace_uid: view.namespace.uid.clone(),
                identity: candidate.identity.to_owned(),
                since: candidate.at,
            },
        );
        Ok(())
    }

    /// The record was not made.
    pub(super) fn failed(&self, name: &str) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// Records of the view's namespace per plugin. One that is pinned to nothing yet counts for the plugin that its resource's name means now.
fn counts(view: &View, records: &[Arc<Record>]) -> BTreeMap<String, usize> {
    let holding = view.holding();
    let mut meant = BTreeMap::new();
    let mut mean = |resource: &str| -> Option<String> {
        let found = || {
            let reference = holding.iter().find_map(|binding| binding.declares(resource))?.2?;
            view.plugins.choose(reference).map(|plugin| plugin.spec.identity())
        };
        meant.entry(resource.to_owned()).or_insert_with(found).clone()
    };
    let mut counts = BTreeMap::new();
    for record in records.iter().filter(|record| record.spec.key.namespace_uid == view.namespace.uid) {
        let pinned = record.status.plugin.as_ref().map(|plugin| plugin.identity.clone());
        if let Some(identity) = pinned.or_else(|| mean(&record.spec.key.resource)) {
            *counts.entry(identity).or_default() += 1;
        }
    }
    counts
}
