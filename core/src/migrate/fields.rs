//! The fields of a sandbox document: what may stand where, and what of it a binding or Sandbox has no place for.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::plugin::document::fields::{Field, Fields, Shape, may, must};

/// `spec`.
pub(super) static SPEC: Fields = Fields {
    known: &[
        may("description", Shape::Any),
        may("cluster", Shape::Any),
        may("labels", Shape::Labels),
        may("ttl", Shape::Fields(&TTL)),
        may("resources", Shape::List(&RESOURCE)),
        may("forks", Shape::List(&FORK)),
        may("local", Shape::List(&LOCAL)),
        may("endpoints", Shape::Any),
        may("defaultRouteGroup", Shape::Any),
    ],
    old: &[("resource", "write `resources`, a list with `name`, `plugin` and `params`")],
};

static TTL: Fields = Fields {
    known: &[must("duration", Shape::Duration), may("offsetFrom", Shape::Word(&["createdAt", "updatedAt"]))],
    old: &[],
};

static RESOURCE: Fields = Fields {
    known: &[must("name", Shape::Text), must("plugin", Shape::Text), may("params", Shape::Labels)],
    old: &[],
};

static FORK: Fields = Fields {
    known: &[
        must("forkOf", Shape::Fields(&WORKLOAD)),
        may("customizations", Shape::Fields(&CUSTOMIZATIONS)),
        may("endpoints", Shape::Any),
    ],
    old: &[],
};

static WORKLOAD: Fields = Fields { known: WORKLOAD_FIELDS, old: &[] };

const WORKLOAD_FIELDS: &[Field] =
    &[may("kind", Shape::Text), may("namespace", Shape::Text), must("name", Shape::Text)];

static CUSTOMIZATIONS: Fields = Fields {
    known: &[may("env", Shape::List(&ENV)), may("images", Shape::Any), may("patch", Shape::Any)],
    old: &[],
};

static ENV: Fields = Fields {
    known: &[
        must("name", Shape::Text),
        may("container", Shape::Text),
        may("operation", Shape::Word(&["upsert", "delete"])),
        may("value", Shape::Text),
        may("valueFrom", Shape::Fields(&SOURCE)),
    ],
    old: &[],
};

static SOURCE: Fields = Fields {
    known: &[
        may("resource", Shape::Fields(&OUTPUT)),
        may("configMap", Shape::Any),
        may("secret", Shape::Any),
        may("fork", Shape::Any),
    ],
    old: &[],
};

static OUTPUT: Fields =
    Fields { known: &[must("name", Shape::Text), may("outputKey", Shape::Text)], old: &[] };

static LOCAL: Fields = Fields {
    known: &[
        must("name", Shape::Text),
        may("from", Shape::Fields(&WORKLOAD)),
        may("mappings", Shape::Any),
        may("env", Shape::List(&ENV)),
        may("files", Shape::List(&FILE)),
    ],
    old: &[],
};

static FILE: Fields = Fields {
    known: &[must("path", Shape::Text), may("value", Shape::Any), may("valueFrom", Shape::Fields(&SOURCE))],
    old: &[],
};

/// What has no counterpart, and what to do instead.
pub(super) const WITHOUT: &[(&str, &str)] = &[
    ("cluster", "the kubeconfig says which cluster: `--context NAME`"),
    ("description", "write it into an annotation of the Sandbox"),
    ("endpoints", "reach the sandbox's pods by a Service of their own"),
    ("defaultRouteGroup", "route to the sandbox's pods by a Service of their own"),
    ("mappings", "forward the ports by the tool that you like"),
    ("images", "deploy the workload with that image"),
    ("patch", "deploy the workload with that change"),
];

/// What is taken over from `spec`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) ttl: Option<Ttl>,
    pub(super) resources: Vec<Resource>,
    pub(super) forks: Vec<Fork>,
    pub(super) local: Vec<Local>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ttl {
    pub(super) duration: String,
    pub(super) offset_from: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Resource {
    pub(super) name: String,
    pub(super) plugin: String,
    #[serde(default)]
    pub(super) params: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fork {
    pub(super) fork_of: Of,
    #[serde(default)]
    pub(super) customizations: Customizations,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Of {
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Customizations {
    #[serde(default)]
    pub(super) env: Vec<Env>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Env {
    pub(super) name: String,
    pub(super) container: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) value: Option<String>,
    pub(super) value_from: Option<Source>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub(super) resource: Option<Output>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    pub(super) name: String,
    #[serde(default)]
    pub(super) output_key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Local {
    pub(super) name: String,
    pub(super) from: Option<Of>,
    #[serde(default)]
    pub(super) env: Vec<Env>,
    #[serde(default)]
    pub(super) files: Vec<File>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    pub(super) path: String,
    pub(super) value_from: Option<Source>,
}
