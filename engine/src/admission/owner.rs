//! The top of a pod's chain of controllers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use sandbind_core::api::instance::Owner;
use serde_json::Value;

use super::ports::Owners;
use crate::ports::Answer;

/// Owners remembered at most; the oldest go first. What controls an object of a UID does not change in practice.
const REMEMBERED: usize = 4_096;
/// Kinds whose own controller is looked for; every other kind is a top. A Job's CronJob is left out: each run is a workload of its own.
const FOLLOWED: &[(&str, &str)] = &[("apps/", "ReplicaSet")];
/// Controllers above controllers: nobody has more.
const DEEPEST: usize = 4;

/// Remembers what controls what.
#[derive(Debug, Default)]
pub struct Tops {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By namespace and UID: what a pod of another namespace says of an owner is nothing here.
    above: BTreeMap<(String, String), Option<Owner>>,
    order: VecDeque<(String, String)>,
}

impl Tops {
    /// The top owner of a pod; `None` for a pod without a controller.
    pub async fn of(&self, owners: &impl Owners, namespace: &str, pod: &Value) -> Answer<Option<Owner>> {
        let Some(mut top) = controller(pod) else { return Ok(None) };
        for _ in 0..DEEPEST {
            let followed =
                FOLLOWED.iter().any(|(group, kind)| top.api_version.starts_with(group) && top.kind == *kind);
            if !followed {
                break;
            }
            match self.above(owners, namespace, &top).await? {
                Some(above) => top = above,
                None => break,
            }
        }
        Ok(Some(top))
    }

    async fn above(&self, owners: &impl Owners, namespace: &str, object: &Owner) -> Answer<Option<Owner>> {
        let key = (namespace.to_owned(), object.uid.clone());
        if let Some(known) = self.lock().above.get(&key) {
            return Ok(known.clone());
        }
        let above = owners.controller(namespace, object).await?;
        let mut known = self.lock();
        if known.above.insert(key.clone(), above.clone()).is_none() {
            known.order.push_back(key);
        }
        while known.order.len() > REMEMBERED {
            if let Some(oldest) = known.order.pop_front() {
                known.above.remove(&oldest);
            }
        }
        drop(known);
        Ok(above)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `metadata.ownerReferences` names as controller.
fn controller(pod: &Value) -> Option<Owner> {
    let references = pod.pointer("/metadata/ownerReferences")?.as_array()?;
    let reference = references.iter().find(|one| one.get("controller") == Some(&Value::Bool(true)))?;
    let text = |key: &str| reference.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Owner {
        api_version: text("apiVersion")?,
        kind: text("kind")?,
        name: text("name")?,
        uid: text("uid")?,
    })
}

/// What `$(workload)` stands for: the top owner's name, else the pod's own (which has none yet when it is generated: then what it is
/// generated from).
pub fn workload(top: Option<&Owner>, pod: &Value) -> String {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let own = || text("/metadata/name").or_else(|| text("/metadata/generateName")).unwrap_or("pod");
    top.map_or_else(own, |owner| &owner.name).trim_end_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;

    fn owner(api_version: &str, kind: &str, name: &str) -> Owner {
        Owner {
            api_version: api_version.into(),
            kind: kind.into(),
            name: name.into(),
            uid: format!("uid-{name}"),
        }
    }

    fn pod(owner: &Owner) -> Value {
        json!({"metadata": {"ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u"},
            {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid, "controller": true}]}})
    }

    #[derive(Default)]
    struct Fixed {
        above: Option<Owner>,
        asked: AtomicUsize,
    }

    impl Owners for Fixed {
        async fn controller(&self, _namespace: &str, _object: &Owner) -> Answer<Option<Owner>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            Ok(self.above.clone())
        }
    }

    #[tokio::test]
    async fn a_replica_set_stands_for_its_deployment_and_is_asked_for_once() {
        let owners = Fixed { above: Some(owner("apps/v1", "Deployment", "web")), ..Fixed::default() };
        let (tops, pod) = (Tops::default(), pod(&owner("apps/v1", "ReplicaSet", "web-1")));
        for _ in 0..3 {
            assert_eq!(tops.of(&owners, "shop", &pod).await.unwrap(), owners.above);
        }
        assert_eq!(owners.asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn other_kinds_and_replica_sets_of_their_own_are_tops() {
        let owners = Fixed::default();
        for top in [
            owner("batch/v1", "Job", "run-1"),
            owner("apps/v1", "StatefulSet", "db"),
            owner("x/v1", "Y", "z"),
        ] {
            assert_eq!(Tops::default().of(&owners, "shop", &pod(&top)).await.unwrap(), Some(top));
        }
        assert_eq!(owners.asked.load(Ordering::Relaxed), 0);
        let alone = owner("apps/v1", "ReplicaSet", "alone");
        assert_eq!(Tops::default().of(&owners, "shop", &pod(&alone)).await.unwrap(), Some(alone));
        assert_eq!(Tops::default().of(&owners, "shop", &json!({})).await.unwrap(), None);
    }

    #[test]
    fn a_workload_is_called_by_its_owner_or_its_own_name() {
        let top = owner("apps/v1", "Deployment", "web");
        assert_eq!(workload(Some(&top), &json!({})), "web");
        assert_eq!(workload(None, &json!({"metadata": {"name": "p"}})), "p");
        assert_eq!(workload(None, &json!({"metadata": {"generateName": "p-"}})), "p");
        assert_eq!(workload(None, &json!({})), "pod");
    }
}
