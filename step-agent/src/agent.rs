//! The agent in a step pod: claim, run, report.
