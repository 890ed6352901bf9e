//! Counts every durable write; for tests, ends the program at some of them.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use sandbind_engine::trace::{Moments, Point, Side, Tracer};
use sandbind_kit::abrupt;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    point: String,
}

/// Counts writes by their point.
#[derive(Clone, Debug, Default)]
pub struct Counting {
    writes: Family<Labels, Counter>,
    end_at: Moments,
}

impl Counting {
    /// Counts into `registry`.
    pub fn new(registry: &mut Registry, end_at: Moments) -> Self {
        let writes = Family::default();
        registry.register("sandbind_writes", "Durable writes that succeeded, by kind", writes.clone());
        Self { writes, end_at }
    }

    /// Counts a write.
    pub fn count(&self, point: Point) {
        self.writes.get_or_create(&Labels { point: point.to_string() }).inc();
    }
}

impl Tracer for Counting {
    async fn reach(&self, side: Side, point: Point, record: &str) {
        if let Some(rest) = self.end_at.reached(side, point) {
            tracing::error!(moment = %format_args!("{side}:{point}"), record, "told to end abruptly here");
            abrupt::begin_anew(&format!("--abort-at={rest}"));
        }
        if side == Side::After {
            self.count(point);
        }
    }
}
