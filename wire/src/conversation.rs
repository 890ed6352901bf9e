//! The sidecar's conversation with the runner, as a state machine without I/O.
