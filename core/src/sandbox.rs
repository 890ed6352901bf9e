//! What people look at, wait for and delete.

pub mod decide;
#[cfg(test)]
mod fixture;
pub mod prepare;
pub mod seen;
pub mod status;
pub mod ttl;
mod unreachable;
pub mod validate;

pub use decide::{Action, Decision, decide};
pub use prepare::Preparation;
pub use seen::{SeenPod, SeenSandbox};
pub use validate::{validate, warnings};
