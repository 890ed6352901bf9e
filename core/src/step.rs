//! What a step pod is and looks like.

mod pod;
pub mod run;

pub use pod::{StepSettings, namespace, pod};
pub use run::StepRun;
