//! The last part of what a script wrote, in bounded memory.

use std::{
    collections::VecDeque,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};

/// Raw bytes kept. More than what is shown, so that a secret cut in two at the front of the shown part is still recognised.
const KEPT: usize = 2 << 20;

/// The last bytes written; shared between the thread that reads the pipe and the one that waits for the script.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tail(Arc<Mutex<Ring>>);

#[derive(Default, Debug)]
struct Ring {
    bytes: VecDeque<u8>,
    cut: bool,
}

/// What a [`Tail`] held at a moment.
pub(crate) struct Kept {
    /// Raw bytes: secret until redacted.
    pub(crate) bytes: Vec<u8>,
    /// Whether earlier bytes were dropped.
    pub(crate) cut: bool,
}

impl Tail {
    /// Copies everything from `source` until its end or an error.
    pub(crate) fn drain(&self, mut source: impl Read) {
        let mut chunk = [0u8; 8192];
        loop {
            match source.read(&mut chunk) {
                Ok(0) => return,
                Ok(n) => self.push(chunk.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Adds these bytes.
    pub(crate) fn push(&self, new: &[u8]) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.bytes.extend(new);
        let excess = ring.bytes.len().saturating_sub(KEPT);
        if excess > 0 {
            ring.bytes.drain(..excess);
            ring.cut = true;
        }
    }

    /// What is kept now.
    pub(crate) fn kept(&self) -> Kept {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Kept { bytes: ring.bytes.iter().copied().collect(), cut: ring.cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let tail = Tail::default();
        let mut text = vec![b'a'; KEPT];
        text.extend(b"the end");
        tail.drain(text.as_slice());
        let kept = tail.kept();
        assert!(kept.cut && kept.bytes.len() == KEPT && kept.bytes.ends_with(b"the end"));
    }
}
