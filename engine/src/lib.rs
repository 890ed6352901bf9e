//! Observe → decide → perform, on ports.

pub mod ports;
pub mod trace;
