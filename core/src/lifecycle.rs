//! The life of one resource: what is durable, what is seen, what is to be done.
//!
//! [`decide`](decide::decide) is a pure function of the record and what was observed; [`claim`], [`settle`] and
//! [`reserve`] are the three other writers' rules. The protocol is checked exhaustively in `tests/model.rs`.

pub mod effect;
pub mod observed;
pub mod record;
pub mod snapshot;
