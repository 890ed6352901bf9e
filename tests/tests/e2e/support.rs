//! What the end-to-end tests stand on: kubectl as users have it, waiting with a deadline, fixtures.

pub mod audit;
pub mod examples;
pub mod fixtures;
pub mod kubectl;
pub mod latch;
pub mod ledger;
pub mod look;
pub mod namespace;
pub mod programs;
pub mod second_webhook;
pub mod stream;
pub mod table;
pub mod wait;

pub use kubectl::{apply, kubectl, sandbind, try_kubectl};
pub use latch::Latch;
pub use ledger::Ledger;
pub use look::json;
pub use namespace::Namespace;
pub use wait::{eventually, holds};

/// A short id that no other test of this run has.
pub fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let run = std::process::id() % 46_656;
    format!("{}{}", base36(run), base36(NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(number % 36, 36).unwrap());
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
