//! This cluster's own MemberCluster on the hub, the only object there that it may write.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use sandbind_core::api::{MemberCluster, MemberClusterStatus};
use sandbind_engine::ports::{Answer, PortError};
use serde_json::json;

use crate::client::{call, call_opt};

/// What has not changed is written again after so long.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// The object, and what was last written to it.
pub(super) struct Member<'a> {
    api: Api<MemberCluster>,
    name: &'a str,
    written: Option<(MemberClusterStatus, Instant)>,
}

impl<'a> Member<'a> {
    pub(super) fn new(hub: &Client, name: &'a str) -> Self {
        Self { api: Api::all(hub.clone()), name, written: None }
    }

    /// Whether the object stands for this very cluster. One that cannot tell what it uses takes nothing.
    pub(super) async fn check(&self, cluster: &str) -> Answer<()> {
        let what = format!("reading MemberCluster {} of the hub", self.name);
        let found = call_opt(&what, self.api.get(self.name)).await?;
        let reason = match found {
            Some(member) if member.spec.cluster == cluster => return Ok(()),
            Some(_) => {
                "it stands for another cluster: give this one a name of its own by `sandbind hub join`"
            }
            None => "there is none: `sandbind hub join` makes it",
        };
        Err(PortError::refused(what, reason))
    }

    /// Writes the status when it is another one, or when it is time for a heartbeat.
    pub(super) async fn write(&mut self, status: MemberClusterStatus) -> Answer<()> {
        let known = self.written.as_ref().filter(|(_, at)| at.elapsed() < HEARTBEAT);
        if known.is_some_and(|(written, _)| *written == status) {
            return Ok(());
        }
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        let told = MemberClusterStatus { heartbeat: Some(now.to_string()), ..status.clone() };
        let what = format!("writing MemberCluster {} of the hub", self.name);
        let patch = Patch::Merge(json!({ "status": told }));
        call(&what, self.api.patch_status(self.name, &PatchParams::default(), &patch)).await?;
        self.written = Some((status, Instant::now()));
        Ok(())
    }
}
