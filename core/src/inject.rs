//! What an admitted pod looks like, and the smallest patch that makes it so.
//!
//! An admission reads the [`Pod`], lets [`check()`] say whether the selected bindings fit it, reserves, makes the [`plan`](plan::plan)
//! and answers with the [`patch`](patch::patch). Nothing here ever sees a value: pods get references.

pub mod check;
pub mod facts;
mod form;
mod mesh;
pub mod patch;
pub mod plan;
pub mod pod;
mod resources;
mod sidecar;

pub use check::{Shape, check};
pub use facts::{Granted, Installation, bindings_of};
pub use patch::patch;
use plan::env_value;
pub use plan::{Injection, plan};
pub use pod::Pod;

#[cfg(test)]
mod tests;
