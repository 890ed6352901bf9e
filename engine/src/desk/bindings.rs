//! Sidecars ask how everything stands that their pod is bound to.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use sandbind_core::{
    identity,
    lifecycle::{
        Standing,
        record::Record,
        reserve::{ALL_KEYS, standing},
    },
};
use sandbind_wire::message::{BindingsAnswer, BoundResource, PodResource};
use tokio::time::{Instant, timeout_at};

use super::{Desk, DeskError};
use crate::{
    ports::{Answer, Caller, Clock, Records, Values, World},
    wait::{Changes, any_changed, version},
};

/// One resource of a pod with the record as it was last seen.
struct Seen<'a> {
    resource: &'a PodResource,
    record: Option<Arc<Record>>,
}

impl<W: World> Desk<W> {
    /// How everything stands that the calling pod is bound to. Answers at once when that is not what the caller knows (`after`),
    /// else when it changes or when the desk's patience is over. Values are only those that the pod names, of its own
    /// incarnations, in its own namespace.
    pub async fn bindings(&self, caller: &Caller, after: Option<&str>) -> Result<BindingsAnswer, DeskError> {
        // What only some of the way needs is boxed: thousands wait here, each with room for the largest part of it.
        let bound = Box::pin(self.bound(caller)).await?;
        let deadline = Instant::now() + self.patience.bindings;
        let records = self.world.records();
        let mut waited_on: Option<Vec<String>> = None;
        let mut changes = Changes::default();
        let names: Vec<&str> = bound.resources.iter().map(|resource| &*resource.instance).collect();
        loop {
            // A cache is enough to find that nothing has changed; whatever is answered was read. A cache that shows what it
            // showed before somebody said that there is news is late: then it is no use.
            let hinted: Vec<Seen<'_>> = bound
                .resources
                .iter()
                .map(|resource| Seen { resource, record: records.hint(&resource.instance) })
                .collect();
            let late = waited_on.as_ref() == Some(&versions(&hinted));
            if !late && after.is_some_and(|known| known == revision(caller, &hinted)) {
                waited_on = Some(versions(&hinted));
                if timeout_at(deadline, any_changed(records, &names, &versions(&hinted))).await.is_ok() {
                    continue;
                }
                return Box::pin(self.answer(caller, &hinted)).await;
            }
            let mut read = Vec::with_capacity(bound.resources.len());
            for resource in &bound.resources {
                let record = Box::pin(records.read(&resource.instance)).await?.map(Arc::new);
                read.push(Seen { resource, record });
            }
            if after.is_none_or(|known| known != revision(caller, &read)) {
                return Box::pin(self.answer(caller, &read)).await;
            }
            let known: Vec<_> =
                read.iter().map(|one| (&*one.resource.instance, one.record.as_deref())).collect();
            if timeout_at(deadline, Box::pin(changes.since(records, &known))).await.is_err() {
                return Box::pin(self.answer(caller, &read)).await;
            }
            waited_on = Some(versions(&hinted));
        }
    }

    async fn answer(&self, caller: &Caller, seen: &[Seen<'_>]) -> Result<BindingsAnswer, DeskError> {
        let now = self.world.clock().now();
        let mut answer =
            BindingsAnswer { revision: revision(caller, seen), resources: std::collections::BTreeMap::new() };
        for one in seen {
            let state = self.state(caller, one, now).await?;
            answer.resources.insert(one.resource.name.clone(), state);
        }
        Ok(answer)
    }

    async fn state(&self, caller: &Caller, seen: &Seen<'_>, now: Timestamp) -> Answer<BoundResource> {
        let record = match own(caller, seen) {
            Ok(record) => record,
            Err(line) => return Ok(BoundResource::Gone { line: line.to_owned() }),
        };
        Ok(match standing(record, &wanted(seen.resource), now) {
            Standing::Creating { line } => BoundResource::Waiting { line },
            Standing::Failed(problem) => BoundResource::Failed { line: problem.to_string() },
            Standing::Going { line } => BoundResource::Gone { line },
            Standing::Ready => {
                let named = named(seen.resource, record);
                let mut values = self.world.values().outputs(record, record.status.round).await?;
                values.retain(|key, _| named.contains(key));
                BoundResource::Ready { revision: record.status.revision, values }
            }
        })
    }
}

/// The record, if it is this pod's: of its incarnation and its namespace.
fn own<'a>(caller: &Caller, seen: &'a Seen<'_>) -> Result<&'a Record, &'static str> {
    match seen.record.as_deref() {
        None => Err("the resource is gone"),
        Some(record) if record.spec.incarnation != seen.resource.incarnation => {
            Err("the resource that this pod was made for is gone")
        }
        Some(record) if record.spec.key.namespace_uid != caller.namespace_uid => {
            Err("the resource belongs to another namespace")
        }
        Some(record) => Ok(record),
    }
}

/// What the pod names, as records do: `*` for a folder with every delivered output.
fn wanted(resource: &PodResource) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = resource.env_keys.iter().cloned().collect();
    for folder in &resource.folders {
        wanted.extend(folder.items.iter().map(|item| item.key.clone()));
        if folder.items.is_empty() {
            wanted.insert(ALL_KEYS.to_owned());
        }
    }
    wanted
}

/// The delivered keys among them.
fn named(resource: &PodResource, record: &Record) -> BTreeSet<String> {
    let wanted = wanted(resource);
    let delivered = &record.status.delivered;
    if wanted.contains(ALL_KEYS) {
        delivered.clone()
    } else {
        delivered.intersection(&wanted).cloned().collect()
    }
}

/// Changes with anything that the caller is told, but not with the age of what is being waited for.
fn revision(caller: &Caller, seen: &[Seen<'_>]) -> String {
    let mut parts = Vec::new();
    for one in seen {
        parts.push(one.resource.name.clone());
        match own(caller, one) {
            Err(line) => parts.extend(["gone".to_owned(), line.to_owned()]),
            Ok(record) => match standing(record, &wanted(one.resource), Timestamp::UNIX_EPOCH) {
                Standing::Creating { line } => parts.extend(["waiting".to_owned(), line]),
                Standing::Failed(problem) => parts.extend(["failed".to_owned(), problem.to_string()]),
                Standing::Going { line } => parts.extend(["going".to_owned(), line]),
                Standing::Ready => {
                    parts.extend(["ready".to_owned(), record.spec.incarnation.clone()]);
                    parts.extend([record.status.round.to_string(), record.status.revision.to_string()]);
                    parts.push(named(one.resource, record).into_iter().collect::<Vec<_>>().join(","));
                }
            },
        }
    }
    identity::hash(&parts.iter().map(String::as_str).collect::<Vec<_>>(), 24)
}

fn versions(seen: &[Seen<'_>]) -> Vec<String> {
    seen.iter().map(|one| version(one.record.as_deref())).collect()
}
