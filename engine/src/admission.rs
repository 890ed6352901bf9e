//! The admission of a pod: which resources it gets, a hold on each of them, and the patch that binds it.
//!
//! [`Admissions::admit`] is the way through: a fresh view → [`sandbind_core::binding::select()`] → a hold on each resource, waiting as
//! the bindings say → [`sandbind_core::inject`]. Everything it asks of the world is in [`ports`].

pub mod fresh;
pub mod hold;
pub mod owner;
pub mod ports;

mod admit;
mod births;
mod ids;
#[cfg(test)]
mod memory;
mod patience;
mod reserve;
mod wait;

pub use admit::{Admissions, Denial, Limits, Pod, Verdict};
