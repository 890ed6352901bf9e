//! For tests, ends the program at some of its durable writes.

use sandbind_engine::trace::{Moments, Point, Side, Tracer};
use sandbind_kit::abrupt;

/// Sees every durable write, and ends the program at those that it was told.
#[derive(Clone, Debug, Default)]
pub struct Ending(pub Moments);

impl Tracer for Ending {
    async fn reach(&self, side: Side, point: Point, record: &str) {
        if let Some(rest) = self.0.reached(side, point) {
            tracing::error!(moment = %format_args!("{side}:{point}"), record, "told to end abruptly here");
            abrupt::begin_anew(&format!("--abort-at={rest}"));
        }
    }
}
