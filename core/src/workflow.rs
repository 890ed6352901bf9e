//! Which steps may run, which delete steps apply, and what the agent of a step is told.

pub mod assignment;
pub mod graph;

pub use assignment::{Late, assignment};
pub use graph::{applicable, runnable};

use crate::api::{
    duration::Span,
    instance::Work,
    plugin::{DEFAULT_GRACE, DEFAULT_TIMEOUT, ResourcePluginSpec, Runner, Step},
};

/// Signal at the deadline, unless the step says otherwise.
pub const DEFAULT_SIGNAL: &str = "SIGTERM";
/// The same where the plugin keeps Terraform's state here.
pub const TERRAFORM_SIGNAL: &str = "SIGINT";
/// [`Step::grace`] where the plugin keeps Terraform's state here.
pub const TERRAFORM_GRACE: Span = Span::from_secs(300);
/// Outputs of one step at most, in bytes.
pub const MAX_STEP_BYTES: usize = 64 * 1024;
/// Outputs of one instance at most, in bytes.
pub const MAX_INSTANCE_BYTES: usize = 256 * 1024;

/// Seconds until the script of a step is signalled.
pub fn timeout_seconds(step: &Step) -> u64 {
    step.timeout.unwrap_or(DEFAULT_TIMEOUT).as_secs()
}

/// Seconds between that signal and SIGKILL. Terraform is given time to save what it did.
pub fn grace_seconds(runner: &Runner, step: &Step) -> u64 {
    let otherwise = if runner.terraform_state { TERRAFORM_GRACE } else { DEFAULT_GRACE };
    step.grace.unwrap_or(otherwise).as_secs()
}

/// The signal that a script gets at its deadline. Terraform ends in good order on SIGINT alone.
pub fn deadline_signal<'a>(runner: &Runner, step: &'a Step) -> &'a str {
    let otherwise = if runner.terraform_state { TERRAFORM_SIGNAL } else { DEFAULT_SIGNAL };
    step.signal.as_deref().unwrap_or(otherwise)
}

/// The steps of one kind of work, as the plugin writes them (without any delete override).
pub fn steps_of(plugin: &ResourcePluginSpec, work: Work) -> &[Step] {
    match work {
        Work::Create => &plugin.create,
        Work::Delete => &plugin.delete,
        Work::Refresh => plugin.refresh.as_ref().map_or(&[], |refresh| &refresh.steps),
    }
}
