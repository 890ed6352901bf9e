//! `ResourceInstance`: what no writer may do, however old or broken it is.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::schema::{at, lists, root, rules, texts};
use crate::api::instance::{MAX_OWNERS, MAX_RESERVATIONS, MAX_STEPS, MAX_WANTED};

const RULES: &[(&str, &str)] = &[
    ("self.spec == oldSelf.spec", "a record's spec never changes; another resource has a record of its own"),
    (
        "self.status.phase == oldSelf.status.phase || (oldSelf.status.phase + '>' + self.status.phase) in \
         ['Creating>Ready', 'Creating>Undoing', 'Creating>Deleting', 'Ready>Deleting', 'Undoing>Failed', 'Failed>Creating']",
        "no such step from phase to phase; read the record again",
    ),
    (
        "self.status.round == oldSelf.status.round ? (oldSelf.status.phase != 'Failed' || self.status.phase == 'Failed') : \
         (self.status.round == oldSelf.status.round + 1 && oldSelf.status.phase == 'Failed' && self.status.phase == 'Creating')",
        "the round rises by one when, and only when, a failed resource is tried again",
    ),
    ("self.status.fence >= oldSelf.status.fence", "the fence never falls; read the record again"),
    ("self.status.revision >= oldSelf.status.revision", "the revision never falls; read the record again"),
    (
        "self.status.round != oldSelf.status.round || oldSelf.status.steps.all(old, self.status.steps.exists(new, \
         new.work == old.work && new.name == old.name && new.attempt >= old.attempt))",
        "within a round no step disappears and no attempt falls; read the record again",
    ),
    (
        "oldSelf.status.wanted.all(key, key in self.status.wanted)",
        "outputs that were promised stay promised; read the record again",
    ),
];

/// No status subresource (a record is created whole), and the rules of the life cycle.
pub(super) fn ruled(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        version.subresources = None;
    }
    root(&mut definition, |schema| {
        schema.required = Some(vec!["spec".to_owned(), "status".to_owned()]);
        at(schema, "status", &|status| status.nullable = None);
        texts(
            schema,
            &[
                ("spec.key.namespace", 63),
                ("spec.key.namespaceUid", 128),
                ("spec.key.sandbox", 63),
                ("spec.key.resource", 63),
                ("spec.key.scope", 128),
                ("spec.incarnation", 64),
                ("spec.workload", 253),
                ("status.steps.[].name", 30),
                ("status.wanted.[]", 64),
                ("status.delivered.[]", 64),
                ("status.message", 4096),
            ],
        );
        lists(
            schema,
            &[
                ("status.steps", bound(MAX_STEPS)),
                ("status.reservations", bound(MAX_RESERVATIONS)),
                ("status.wanted", bound(MAX_WANTED)),
                ("status.delivered", bound(MAX_WANTED)),
                ("status.owners", bound(MAX_OWNERS)),
            ],
        );
        rules(schema, "", RULES);
    });
    definition
}

fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
