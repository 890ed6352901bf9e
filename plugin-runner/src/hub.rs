//! How it stands with the hub, in metrics.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use sandbind_cluster::hub::Asked;

/// Whether the hub answers.
#[derive(Clone, Debug)]
pub struct HubMetrics {
    reachable: Gauge,
    failed: Counter,
}

impl HubMetrics {
    /// Counts into `registry`.
    pub fn register(registry: &mut Registry) -> Self {
        let (reachable, failed) = (Gauge::default(), Counter::default());
        let help = "1 when the hub did what it was asked for the last time, else 0; 0 also without a hub, and in replicas that do not drive";
        registry.register("sandbind_hub_reachable", help, reachable.clone());
        let help = "Asks that the hub did not answer, or refused";
        registry.register("sandbind_hub_failed_asks", help, failed.clone());
        Self { reachable, failed }
    }

    /// Takes in what became of an ask.
    pub fn count(&self, asked: Asked) {
        self.reachable.set(i64::from(asked == Asked::Answered));
        if asked == Asked::Failed {
            self.failed.inc();
        }
    }
}
