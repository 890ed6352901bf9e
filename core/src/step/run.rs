//! What names one run of a step.

use serde::{Deserialize, Serialize};

use crate::api::instance::Work;

/// One attempt of one step: names its pod, its claim and its result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRun {
    /// The record's name.
    pub instance: String,
    /// The incarnation.
    pub incarnation: String,
    /// The round.
    pub round: u32,
    /// What it is part of.
    pub work: Work,
    /// The step's name.
    pub step: String,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl StepRun {
    /// The name of its pod.
    pub fn pod_name(&self) -> String {
        crate::identity::step_pod(&self.incarnation, self.work, self.round, &self.step, self.attempt)
    }
}
