//! The life of one resource: what is durable, what is seen, what is to be done.
//!
//! [`decide()`] is a pure function of the record and what was observed; [`claim()`], [`settle()`] and [`reserve`](mod@reserve) are
//! the three other writers' rules. Every write they answer is to be made by compare-and-swap on the record they were given.
//! The protocol is checked exhaustively in `tests/model.rs`.

pub mod claim;
mod clock;
pub mod conditions;
mod creating;
pub mod decide;
pub mod effect;
mod failed;
pub mod fairness;
#[cfg(test)]
mod fixture;
mod leaving;
pub mod message;
pub mod observed;
pub mod pinning;
pub mod record;
mod removing;
pub mod reserve;
mod running;
mod serving;
pub mod settle;
pub mod snapshot;
pub mod state;
mod steps;
mod vanished;

pub use claim::{ClaimDecision, claim};
pub use decide::decide;
pub use message::describe;
pub use pinning::{pinned, replaced};
pub use reserve::{ReserveDecision, ReserveRequest, Standing};
pub use settle::{Arrival, Settlement, settle};
pub use state::{KeptState, StateDecision, StateLock, state};
pub use steps::{definition, refreshed};
