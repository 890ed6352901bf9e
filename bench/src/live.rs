//! Resources in use without anything that runs: records and pods as the programs would have made them, and connections as sidecars
//! hold them.

mod poller;
mod population;

pub(crate) use self::{poller::Poller, population::Population};
