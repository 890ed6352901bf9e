//! Observe → decide → perform, on ports.
//!
//! [`drive::Driver`] walks the records: one pass reads a record, observes what its phase needs, lets
//! [`mod@sandbind_core::lifecycle::decide`] decide and performs the effects. [`desk::Desk`] answers the agents of steps and the
//! sidecars of users' pods. [`wait`] lets others wait for a record. All three only know the [`ports`]; nothing here knows
//! Kubernetes, a file or a process.

pub mod admission;
pub mod desk;
pub mod drive;
#[cfg(feature = "memory")]
pub mod memory;
mod observe;
mod perform;
pub mod ports;
pub mod trace;
pub mod wait;
