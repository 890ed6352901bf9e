//! End-to-end tests: a real Kubernetes with sandbind installed, used by kubectl and the sandbind command.
//! `cargo xtask e2e` brings both up.

mod bound;
mod support;
