//! Tests of the rules next door.
