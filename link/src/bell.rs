//! Waiting that a signal or another thread can end, without a thread of its own.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Something to wait at until it rings.
#[derive(Debug)]
pub struct Bell {
    listener: UnixStream,
    ring: UnixStream,
    ended: Arc<AtomicBool>,
}

/// Rings a [`Bell`] from another thread.
#[derive(Debug)]
pub struct Ringer(UnixStream);

impl Bell {
    /// A silent bell.
    pub fn new() -> io::Result<Self> {
        let (listener, ring) = UnixStream::pair()?;
        // A full pipe rings as well as any other; nobody may block on it, a signal handler least of all.
        ring.set_nonblocking(true)?;
        Ok(Self { listener, ring, ended: Arc::default() })
    }

    /// From now on SIGTERM and SIGINT ring the bell and make [`Self::is_ended`] true, instead of ending the process.
    pub fn ring_on_end(&self) -> io::Result<()> {
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&self.ended))?;
            signal_hook::low_level::pipe::register(signal, self.ring.try_clone()?)?;
        }
        Ok(())
    }

    /// Whether this process was asked to end.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// A handle for another thread.
    pub fn ringer(&self) -> io::Result<Ringer> {
        self.ring.try_clone().map(Ringer)
    }

    /// Returns when it rang since the last call, or after `timeout` (`None`: only when it rings).
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        // Zero means "for ever" to the system.
        self.listener.set_read_timeout(timeout.map(|t| t.max(Duration::from_millis(1))))?;
        let mut rings = [0u8; 64];
        match (&self.listener).read(&mut rings) {
            Ok(_) => Ok(()),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e),
        }
    }
}

impl Ringer {
    /// Rings.
    pub fn ring(&self) {
        let _full = (&self.0).write(&[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_from_another_thread_ends_the_waiting() {
        let bell = Bell::new().unwrap();
        let ringer = bell.ringer().unwrap();
        let thread = std::thread::spawn(move || ringer.ring());
        bell.wait(None).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn a_ring_before_the_waiting_is_not_lost_and_silence_ends_by_time() {
        let bell = Bell::new().unwrap();
        bell.ringer().unwrap().ring();
        bell.wait(None).unwrap();
        bell.wait(Some(Duration::ZERO)).unwrap();
    }

    #[test]
    fn the_end_signal_rings_and_is_remembered() {
        let bell = Bell::new().unwrap();
        bell.ring_on_end().unwrap();
        assert!(!bell.is_ended());
        signal_hook::low_level::raise(SIGTERM).unwrap();
        bell.wait(None).unwrap();
        assert!(bell.is_ended());
    }
}
