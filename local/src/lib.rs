//! The engine's ports on this machine: records and values in one file per run, steps as processes, delivery into a private
//! folder.
//!
//! [`session::Session`] puts a [`world::LocalWorld`], a driver and the agents' place together; [`runs`] finds and opens the
//! files of runs. Nothing here decides anything: the rules are `core`'s, the walk is the engine's.

pub mod admission;
pub mod callers;
pub mod catalog;
pub mod clock;
pub mod delivery;
pub mod enclosure;
mod job;
mod look;
mod process;
pub mod records;
pub mod runs;
pub mod session;
pub mod steps;
mod store;
pub mod users;
pub mod values;
pub mod world;

pub use catalog::Stack;
pub use look::{LIST, Look};
pub use process::{Attempt, Kill};
