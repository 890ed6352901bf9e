//! The desk: answers the agents of steps and the sidecars of users' pods. Any number of programs may run one; every answer
//! that changes something is a compare-and-swap of the record, so it does not matter which of them is asked.

use std::{sync::Arc, time::Duration};

use sandbind_core::{
    api::instance::ResourceInstanceStatus,
    lifecycle::{effect::Notice, record::Record},
};

use crate::{
    drive::Hints,
    ports::{Answer, Caller, Clock, Notices, Pods, PortError, Records, World},
    trace::{Point, at},
};

mod bindings;
mod claim;
mod result;
mod state;

/// How long the desk lets callers wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a claim that cannot be decided yet.
    pub claim: Duration,
    /// For a change of a pod's bindings.
    pub bindings: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { claim: Duration::from_secs(30), bindings: Duration::from_secs(300) }
    }
}

/// Why the desk does not answer.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The caller's pod is not one that has anything to ask here.
    #[error("pod {pod} is {not_what}")]
    Foreign {
        /// `namespace/name` of the caller.
        pod: String,
        /// What it would have to be.
        not_what: &'static str,
    },
    /// Something it needs did not answer; ask again.
    #[error("the answer could not be made now")]
    Port(#[from] PortError),
    /// Others were faster too often; ask again.
    #[error("the record changes too fast")]
    Busy,
}

impl DeskError {
    /// Stable code for [`sandbind_wire::message::Refusal`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "NotYourCall",
            Self::Port(_) => "Unavailable",
            Self::Busy => "Busy",
        }
    }

    /// Whether the same question may be answered later.
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::Foreign { .. })
    }
}

/// Answers agents and sidecars. Cheap to clone.
#[derive(Debug)]
pub struct Desk<W> {
    world: Arc<W>,
    hints: Hints,
    patience: Patience,
}

impl<W> Clone for Desk<W> {
    fn clone(&self) -> Self {
        Self { world: Arc::clone(&self.world), hints: self.hints.clone(), patience: self.patience }
    }
}

impl<W: World> Desk<W> {
    /// A desk on a world. `hints` are those of this process's driver.
    pub fn new(world: Arc<W>, hints: Hints, patience: Patience) -> Self {
        Self { world, hints, patience }
    }

    /// A sidecar's goodbye. It decides nothing: the driver looks sooner at what the pod used.
    pub async fn release(&self, caller: &Caller) -> Result<(), DeskError> {
        for resource in self.bound(caller).await?.resources {
            // Whoever makes a pod writes what stands there: names of nothing are not for the driver.
            if self.world.records().hint(&resource.instance).is_some() {
                self.hints.wake(&resource.instance);
            }
        }
        Ok(())
    }

    async fn bound(&self, caller: &Caller) -> Result<sandbind_wire::message::PodBindings, DeskError> {
        let found = self.world.pods().bindings(caller).await?;
        found.ok_or_else(|| foreign(caller, "not bound to anything"))
    }

    async fn run(&self, caller: &Caller) -> Result<sandbind_core::lifecycle::record::StepRun, DeskError> {
        let found = self.world.pods().step_run(caller).await?;
        found.ok_or_else(|| foreign(caller, "not a step's"))
    }

    /// Writes a status and tells the driver. `None`: somebody else was faster.
    async fn commit(
        &self,
        point: Point,
        record: &Record,
        status: ResourceInstanceStatus,
        tell: &[Notice],
    ) -> Answer<Option<Record>> {
        let world = &*self.world;
        match at(world.tracer(), point, &record.name, world.records().commit(record, status)).await {
            Ok(written) => {
                self.hints.wake(&record.name);
                for notice in tell {
                    world.notices().announce(&written, notice).await;
                }
                Ok(Some(written))
            }
            Err(error) if error.is_conflict() => {
                // Few write at once; a moment apart they do not meet again.
                let pause = 5 + self.world.clock().random() % 40;
                tokio::time::sleep(Duration::from_millis(u64::from(pause))).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn foreign(caller: &Caller, not_what: &'static str) -> DeskError {
    DeskError::Foreign { pod: format!("{}/{}", caller.namespace, caller.pod_name), not_what }
}

/// Compare-and-swaps that one request may lose before its caller is asked to come again.
const TRIES: usize = 20;
