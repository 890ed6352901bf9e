//! Which steps may run, which delete steps apply, and what the agent of a step is told.

pub mod assignment;
pub mod graph;

pub use assignment::{Late, assignment};
pub use graph::{applicable, runnable};

use crate::api::{
    instance::Work,
    plugin::{DEFAULT_GRACE, DEFAULT_TIMEOUT, ResourcePluginSpec, Step},
};

/// Signal at the deadline, unless the step says otherwise.
pub const DEFAULT_SIGNAL: &str = "SIGTERM";
/// Outputs of one step at most, in bytes.
pub const MAX_STEP_BYTES: usize = 64 * 1024;
/// Outputs of one instance at most, in bytes.
pub const MAX_INSTANCE_BYTES: usize = 256 * 1024;

/// Seconds until the script of a step is signalled.
pub fn timeout_seconds(step: &Step) -> u64 {
    step.timeout.unwrap_or(DEFAULT_TIMEOUT).as_secs()
}

/// Seconds between that signal and SIGKILL.
pub fn grace_seconds(step: &Step) -> u64 {
    step.grace.unwrap_or(DEFAULT_GRACE).as_secs()
}

/// The steps of one kind of work, as the plugin writes them (without any delete override).
pub fn steps_of(plugin: &ResourcePluginSpec, work: Work) -> &[Step] {
    match work {
        Work::Create => &plugin.create,
        Work::Delete => &plugin.delete,
        Work::Refresh => plugin.refresh.as_ref().map_or(&[], |refresh| &refresh.steps),
    }
}
