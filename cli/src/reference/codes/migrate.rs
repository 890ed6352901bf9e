//! What is told of documents that are migrated.

use super::Subject;

pub(super) const SUBJECTS: &[Subject] = &[Subject {
    heading: "Migrating",
    about: "Told by `sandbind migrate` about a sandbox document of the older framework. All are warnings: what it prints is valid without them.",
    columns: ["code", "meaning", "way out"],
    lines: MIGRATE,
}];

const MIGRATE: &str = "\
NameChanged | a name is not valid here, and is written as one that is | check who relies on the old name; a plugin sees the new one
NotMigrated | a part of the document has no counterpart and is left out | do as the message says; most of it belongs in your own manifests
SelectorGuessed | the document does not say the labels of the pods: the binding selects by `app` and the name of the workload | correct `spec.selector`
SeveralNamespaces | workloads of the sandbox are in several namespaces: each has resources of its own | deploy what shares a resource into one namespace";
