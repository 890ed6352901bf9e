//! Who may begin creating when more want to than a plugin allows at once: fair by namespace.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Record;
use crate::api::instance::{Phase, Work};

/// Names of the records that may begin, or have begun, the create steps of their round. `limit` tells how many of one plugin
/// (`name@version`) may be in creation at once. A free place goes to the namespace that has the fewest; there, to the record
/// that waits longest. Records that are not pinned yet wait for nothing and are not listed.
///
/// A turn is `given` before anything shows it: the record's first step is claimed only when its pod runs. Until then the one who
/// gave it says so here, or records that come to light meanwhile would be given the same place.
pub fn may_start<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    given: impl Fn(&str) -> bool,
    limit: impl Fn(&str) -> u32,
) -> BTreeSet<String> {
    let mut by_plugin: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        if let (Phase::Creating, Some(plugin)) = (record.status.phase, &record.status.plugin) {
            by_plugin.entry(&plugin.identity).or_default().push(record);
        }
    }
    let mut may = BTreeSet::new();
    for (plugin, records) in by_plugin {
        let (begun, waiting): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| given(&record.name) || has_begun(record));
        let mut busy: BTreeMap<&str, usize> = BTreeMap::new();
        for record in &begun {
            *busy.entry(&record.spec.key.namespace_uid).or_default() += 1;
        }
        let free = usize::try_from(limit(plugin)).unwrap_or(usize::MAX).saturating_sub(begun.len());
        may.extend(begun.iter().map(|record| record.name.clone()));
        let mut queues: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in waiting {
            queues.entry(&record.spec.key.namespace_uid).or_default().push(record);
        }
        for queue in queues.values_mut() {
            queue.sort_by(|a, b| (b.status.since, &b.name).cmp(&(a.status.since, &a.name)));
        }
        for _ in 0..free {
            let next = queues
                .iter()
                .filter_map(|(namespace, queue)| Some((*namespace, queue.last()?)))
                .min_by_key(|(namespace, head)| {
                    (busy.get(namespace).copied().unwrap_or(0), head.status.since, &head.name)
                })
                .map(|(namespace, _)| namespace);
            let Some(namespace) = next else { break };
            *busy.entry(namespace).or_default() += 1;
            may.extend(queues.get_mut(namespace).and_then(Vec::pop).map(|record| record.name.clone()));
        }
    }
    may
}

fn has_begun(record: &Record) -> bool {
    record.status.steps.iter().any(|step| step.work == Work::Create && step.claimed)
}

#[cfg(test)]
mod tests;
