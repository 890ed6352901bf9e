//! The command as a process: help, exit codes, what goes to which stream.
#![expect(missing_docs, reason = "tests are sentences")]

#[path = "cli/cluster.rs"]
mod cluster;
#[path = "cli/offline.rs"]
mod offline;
#[path = "cli/support.rs"]
mod support;
