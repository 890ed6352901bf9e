//! End-to-end tests: a real Kubernetes with sandbind installed, used by kubectl and the sandbind command.
//! `cargo xtask e2e` brings both up.

mod admission;
mod bound;
mod canaries;
mod certificates;
mod churn;
mod confined;
mod docs;
mod failing;
mod fairness;
mod first_plugin;
mod leaving;
mod namespaces;
mod orphans;
mod preflight;
mod published;
mod refreshing;
mod sandboxes;
mod storms;
mod support;
mod vanished;
mod waiting;
mod workloads;
mod wrong;
