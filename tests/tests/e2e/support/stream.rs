//! Constant admissions, one after the other: dry runs, each of which reaches the webhook as any other admission does.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use super::{Namespace, fixtures::pod, kubectl::feed};

/// Pods of one call of kubectl, which takes far longer than an admission.
const AT_ONCE: usize = 10;

/// What came of them.
pub struct Stream {
    /// How many were admitted.
    pub admitted: usize,
    /// The answers of the calls in which one was not.
    pub refused: Vec<String>,
}

impl Stream {
    /// Asks for pods of a sandbox, again and again, without making any.
    pub fn until(over: &AtomicBool, shop: &Namespace, sandbox: &str) -> Self {
        Self::paced(over, shop, sandbox, Duration::ZERO)
    }

    /// The same with a pause between calls: other tests need the processors too.
    pub fn paced(over: &AtomicBool, shop: &Namespace, sandbox: &str, pause: Duration) -> Self {
        let pods: Vec<String> = (0..AT_ONCE).map(|number| pod(&format!("dry-{number}"), sandbox)).collect();
        let pods = pods.join("---\n");
        let mut stream = Self { admitted: 0, refused: Vec::new() };
        while !over.load(Relaxed) {
            let ended = feed(&["-n", &shop.name, "create", "--dry-run=server", "-f", "-"], &pods);
            match ended.map(|text| text.lines().filter(|line| line.contains("created")).count()) {
                Ok(AT_ONCE) => stream.admitted += AT_ONCE,
                other => stream.refused.push(format!("{other:?}")),
            }
            thread::sleep(pause);
        }
        stream
    }
}

/// Tells everybody to end, also when the test fails.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
