//! Drives every record.

mod hints;

pub use hints::{Hinted, Hints, hints};
