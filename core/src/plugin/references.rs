//! What step pods take from the cluster that runs them: the Secrets, ConfigMaps and ServiceAccounts that a plugin names and does not make.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde_json::Value;

/// How long an answer holds that an object is there.
pub const THERE: Duration = Duration::from_secs(300);
/// Until it is asked again for what was lacking, or what nobody answered: whoever makes it waits for the word.
pub const LACKING: Duration = Duration::from_secs(15);

/// The kinds of objects that a pod needs before it can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1` `ConfigMap`.
    ConfigMap,
    /// `v1` `Secret`.
    Secret,
    /// `v1` `ServiceAccount`.
    ServiceAccount,
}

/// One object that a pod cannot do without, in the pod's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace: that of the pod.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What is known of an object that is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there.
    There,
    /// It is not there.
    Absent,
    /// Nobody has answered; why.
    Unknown(String),
}

/// Where a container names an object: list, the reference in an item of it.
const IN_CONTAINERS: &[(&str, &str, Kind)] = &[
    ("/env", "/valueFrom/secretKeyRef", Kind::Secret),
    ("/env", "/valueFrom/configMapKeyRef", Kind::ConfigMap),
    ("/envFrom", "/secretRef", Kind::Secret),
    ("/envFrom", "/configMapRef", Kind::ConfigMap),
];

/// Where a volume names an object: the reference, the field of its name.
const IN_VOLUMES: &[(&str, &str, Kind)] = &[
    ("/secret", "secretName", Kind::Secret),
    ("/configMap", "name", Kind::ConfigMap),
    ("/azureFile", "secretName", Kind::Secret),
    ("/cephfs/secretRef", "name", Kind::Secret),
    ("/cinder/secretRef", "name", Kind::Secret),
    ("/csi/nodePublishSecretRef", "name", Kind::Secret),
    ("/flexVolume/secretRef", "name", Kind::Secret),
    ("/iscsi/secretRef", "name", Kind::Secret),
    ("/rbd/secretRef", "name", Kind::Secret),
    ("/scaleIO/secretRef", "name", Kind::Secret),
    ("/storageos/secretRef", "name", Kind::Secret),
];

/// Where a source of a projected volume names an object.
const IN_SOURCES: &[(&str, Kind)] = &[("/secret", Kind::Secret), ("/configMap", Kind::ConfigMap)];

/// What a pod (or pod template without directives) names and must find in its namespace. What is `optional` is left out, unless it is
/// named a second time where it is not; so is the ServiceAccount `default`, which every namespace gets.
pub fn of_pod(pod: &Value) -> BTreeSet<Reference> {
    let mut named: BTreeSet<(Kind, &str)> = BTreeSet::new();
    for list in ["/spec/containers", "/spec/initContainers"] {
        for container in items(pod, list) {
            for (list, reference, kind) in IN_CONTAINERS {
                named.extend(
                    items(container, list).filter_map(|item| required(item, reference, "name", *kind)),
                );
            }
        }
    }
    for volume in items(pod, "/spec/volumes") {
        named.extend(IN_VOLUMES.iter().filter_map(|(at, field, kind)| required(volume, at, field, *kind)));
        for source in items(volume, "/projected/sources") {
            named.extend(IN_SOURCES.iter().filter_map(|(at, kind)| required(source, at, "name", *kind)));
        }
    }
    named.extend(
        items(pod, "/spec/imagePullSecrets").filter_map(|item| required(item, "", "name", Kind::Secret)),
    );
    named.extend(account(pod).filter(|name| *name != "default").map(|name| (Kind::ServiceAccount, name)));
    let namespace = pod.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let reference = |(kind, name): (Kind, &str)| Reference {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    named.into_iter().map(reference).collect()
}

/// The ServiceAccount that a pod names, by either field.
pub fn account(pod: &Value) -> Option<&str> {
    let named = |field: &str| pod.pointer(field).and_then(Value::as_str).filter(|name| !name.is_empty());
    named("/spec/serviceAccountName").or_else(|| named("/spec/serviceAccount"))
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// What the reference at a place names, unless it is optional.
fn required<'a>(value: &'a Value, at: &str, field: &str, kind: Kind) -> Option<(Kind, &'a str)> {
    let reference = value.pointer(at)?;
    let name = reference.get(field)?.as_str().filter(|name| !name.is_empty())?;
    let optional = reference.get("optional").and_then(Value::as_bool).unwrap_or_default();
    (!optional).then_some((kind, name))
}

// === impl Kind ===

impl Kind {
    /// As manifests write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::ServiceAccount => "ServiceAccount",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
