//! What a step pod is and looks like.

pub mod run;

pub use run::StepRun;
