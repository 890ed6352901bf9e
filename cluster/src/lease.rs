//! Which replica drives. It spares work and nothing else: every write is guarded by itself, so two drivers do no harm.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use sandbind_engine::ports::{Answer, PortError};
use tokio::{sync::watch, time::Instant};

use crate::client::{call, call_opt};

/// Name of the Lease.
pub const LEASE: &str = "sandbind-plugin-runner";

/// Times of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long it holds without being renewed.
    pub duration: Duration,
    /// How often it is renewed, or tried.
    pub period: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self { duration: Duration::from_secs(15), period: Duration::from_secs(2) }
    }
}

/// What this program knows of the lease.
struct Holder {
    api: Api<Lease>,
    identity: String,
    times: LeaseTimes,
    /// The last revision seen of another's lease, and when it was first seen: by this clock it runs out.
    other: Option<(String, Instant)>,
    /// When our own lease was last renewed, counted from before the call.
    renewed: Option<Instant>,
}

/// Hold the lease, or try to, for as long as the future is polled; `leading` says which. `identity` is unique per process.
/// When the future is to end, call [`release`] so that another replica need not wait.
pub async fn hold(
    client: Client,
    namespace: &str,
    identity: &str,
    times: LeaseTimes,
    leading: &watch::Sender<bool>,
) {
    let mut holder = Holder {
        api: Api::namespaced(client, namespace),
        identity: identity.to_owned(),
        times,
        other: None,
        renewed: None,
    };
    loop {
        match holder.turn().await {
            Ok(()) => {}
            Err(error) => tracing::warn!(error = %error, "the lease could not be read or written"),
        }
        let leads = holder.leads();
        leading.send_if_modified(|now| std::mem::replace(now, leads) != leads);
        tokio::time::sleep(times.period).await;
    }
}

/// Give the lease up, if it is ours.
pub async fn release(client: Client, namespace: &str, identity: &str) -> Answer<()> {
    let api: Api<Lease> = Api::namespaced(client, namespace);
    let Some(mut lease) = call_opt("reading the Lease", api.get(LEASE)).await? else { return Ok(()) };
    let Some(spec) = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(identity))
    else {
        return Ok(());
    };
    spec.holder_identity = None;
    match call("writing the Lease", api.replace(LEASE, &PostParams::default(), &lease)).await {
        Ok(_) | Err(PortError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Holder {
    /// Ours is given up one period before others may take it.
    fn leads(&self) -> bool {
        let until = self.times.duration.saturating_sub(self.times.period);
        self.renewed.is_some_and(|at| at.elapsed() < until)
    }

    async fn turn(&mut self) -> Answer<()> {
        let begun = Instant::now();
        let Some(lease) = call_opt("reading the Lease", self.api.get(LEASE)).await? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() },
                spec: Some(self.spec(0)),
            };
            let made = call("creating the Lease", self.api.create(&PostParams::default(), &lease)).await;
            return self.written(begun, made);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let transitions = spec.lease_transitions.unwrap_or(0);
        let ours = spec.holder_identity.as_deref() == Some(&*self.identity);
        let free = spec.holder_identity.as_deref().is_none_or(str::is_empty);
        if !ours && !free && !self.run_out(&lease) {
            self.renewed = None;
            return Ok(());
        }
        let next = self.spec(if ours { transitions } else { transitions.saturating_add(1) });
        let acquired = if ours { spec.acquire_time } else { next.acquire_time.clone() };
        let lease = Lease { spec: Some(LeaseSpec { acquire_time: acquired, ..next }), ..lease };
        let written =
            call("writing the Lease", self.api.replace(LEASE, &PostParams::default(), &lease)).await;
        self.written(begun, written)
    }

    fn written(&mut self, begun: Instant, written: Answer<Lease>) -> Answer<()> {
        match written {
            Ok(_) => {
                self.renewed = Some(begun);
                Ok(())
            }
            Err(PortError::Conflict { .. } | PortError::Exists { .. }) => {
                self.renewed = None;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether another's lease has not changed for its duration, by this clock: times in it are another machine's.
    fn run_out(&mut self, lease: &Lease) -> bool {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        match &self.other {
            Some((seen, since)) if *seen == version => since.elapsed() >= self.times.duration,
            _ => {
                self.other = Some((version, Instant::now()));
                false
            }
        }
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            acquire_time: Some(now.clone()),
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.times.duration.as_secs()).ok(),
            lease_transitions: Some(transitions),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }
    }
}
