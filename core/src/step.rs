//! What a step pod is and looks like.

mod pod;
mod references;
pub mod run;

pub use pod::{StepSettings, namespace, pod};
pub use references::references;
pub(crate) use references::step_names;
pub use run::StepRun;
