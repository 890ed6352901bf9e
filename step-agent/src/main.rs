//! The step agent.
fn main() {}
