//! Who calls: the processes of steps, known by their uid, and users that were given a token.

use std::{sync::Arc, time::Duration};

use sandbind_core::lifecycle::record::StepRun;
use sandbind_engine::ports::{Answer, Caller, Identify, Pods};
use sandbind_wire::{message::PodBindings, name::STEP_NAMESPACE};

use crate::{steps::LocalSteps, users::Users};

/// The callers of one run.
#[derive(Debug)]
pub struct LocalCallers {
    pub(crate) users: Arc<Users>,
    pub(crate) steps: Arc<LocalSteps>,
    /// Name and UID of the namespace that the resources are made for.
    pub(crate) namespace: (String, String),
}

/// The holder of a step's claim as a caller.
pub(crate) fn step(run: &StepRun, uid: &str) -> Caller {
    Caller {
        namespace: STEP_NAMESPACE.to_owned(),
        namespace_uid: STEP_NAMESPACE.to_owned(),
        pod_name: run.pod_name(),
        pod_uid: uid.to_owned(),
    }
}

impl Identify for LocalCallers {
    async fn identify(&self, token: &str, _max_age: Duration) -> Answer<Option<Caller>> {
        let (namespace, namespace_uid) = self.namespace.clone();
        let found = self.users.by_token(token);
        Ok(found.map(|(id, user)| Caller { namespace, namespace_uid, pod_name: user.name, pod_uid: id }))
    }
}

impl Pods for LocalCallers {
    async fn step_run(&self, caller: &Caller) -> Answer<Option<StepRun>> {
        Ok(self.steps.run_of(&caller.pod_uid))
    }

    async fn bindings(&self, caller: &Caller) -> Answer<Option<PodBindings>> {
        Ok(self.users.bindings(&caller.pod_uid))
    }
}
