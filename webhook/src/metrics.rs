//! What admissions tell a monitoring system. Labels are codes and verdicts, never names.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use sandbind_engine::admission::ports::Watcher;

/// 5 ms to 30 s.
const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    route: &'static str,
    verdict: &'static str,
    reason: String,
}

/// The counters of one replica.
#[derive(Clone, Debug)]
pub struct Metrics {
    decisions: Family<Decision, Counter>,
    duration: Histogram,
    waited: Histogram,
    held: Gauge,
    fallbacks: Counter,
    writes: Counter,
    reservations: Counter,
}

impl Metrics {
    /// Registered, ready to count.
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self {
            decisions: Family::default(),
            duration: Histogram::new(BUCKETS),
            waited: Histogram::new(BUCKETS),
            held: Gauge::default(),
            fallbacks: Counter::default(),
            writes: Counter::default(),
            reservations: Counter::default(),
        };
        let registry = registry.sub_registry_with_prefix("sandbind_webhook");
        registry.register("decisions", "Answers by verdict and reason code", metrics.decisions.clone());
        registry.register("admission_seconds", "Time until a pod was answered", metrics.duration.clone());
        registry.register("wait_seconds", "Time that held pods were held", metrics.waited.clone());
        registry.register("held", "Pods held now", metrics.held.clone());
        registry.register(
            "fresh_read_fallbacks",
            "Decisions by caches alone, because reading the live objects took too long",
            metrics.fallbacks.clone(),
        );
        registry.register("reservation_writes", "Writes that carried reservations", metrics.writes.clone());
        registry.register("reservations", "Reservations written", metrics.reservations.clone());
        Arc::new(metrics)
    }

    /// Counts an answer.
    pub fn decided(&self, route: &'static str, verdict: &'static str, reason: &str) {
        self.decisions.get_or_create(&Decision { route, verdict, reason: reason.to_owned() }).inc();
    }

    pub(crate) fn took(&self, time: Duration) {
        self.duration.observe(time.as_secs_f64());
    }
}

impl Watcher for Metrics {
    fn fell_back(&self) {
        self.fallbacks.inc();
    }

    fn held(&self, more: bool) {
        if more {
            self.held.inc()
        } else {
            self.held.dec()
        };
    }

    fn waited(&self, time: Duration) {
        self.waited.observe(time.as_secs_f64());
    }

    fn reserved(&self, reservations: usize) {
        self.writes.inc();
        self.reservations.inc_by(u64::try_from(reservations).unwrap_or_default());
    }
}
