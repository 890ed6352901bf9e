//! Counts every durable write; for tests, ends the program at one of them.

use std::str::FromStr;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use sandbind_engine::trace::{Point, Side, Tracer};

/// A side of a write point, as `before:POINT` or `after:POINT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortAt {
    side: Side,
    point: Point,
}

/// The text names no side of a write point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not `before:` or `after:` and the name of a write point")]
pub struct NotAPoint(String);

impl FromStr for AbortAt {
    type Err = NotAPoint;

    fn from_str(text: &str) -> Result<Self, NotAPoint> {
        let bad = || NotAPoint(text.to_owned());
        let (side, point) = text.split_once(':').ok_or_else(bad)?;
        let side = match side {
            "before" => Side::Before,
            "after" => Side::After,
            _ => return Err(bad()),
        };
        Ok(Self { side, point: Point::named(point).ok_or_else(bad)? })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    point: String,
}

/// Counts writes by their point.
#[derive(Clone, Debug, Default)]
pub struct Counting {
    writes: Family<Labels, Counter>,
    abort_at: Option<AbortAt>,
}

impl Counting {
    /// Counts into `registry`.
    pub fn new(registry: &mut Registry, abort_at: Option<AbortAt>) -> Self {
        let writes = Family::default();
        registry.register("sandbind_writes", "Durable writes that succeeded, by kind", writes.clone());
        Self { writes, abort_at }
    }
}

impl Tracer for Counting {
    async fn reach(&self, side: Side, point: Point, record: &str) {
        if self.abort_at == Some(AbortAt { side, point }) {
            tracing::error!(%point, record, "told to end abruptly here");
            std::process::abort();
        }
        if side == Side::After {
            self.writes.get_or_create(&Labels { point: point.to_string() }).inc();
        }
    }
}
