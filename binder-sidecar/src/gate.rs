//! What the running sidecar leaves for its probes, which are short-lived processes of the same program.

use std::{
    fs, io,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// How long `probe` waits: under the kubelet's timeout of 10 s for it.
pub const PROBE: Duration = Duration::from_secs(9);
/// How long `started` waits.
pub const STARTED: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// The folder that the sidecar and its probes share.
#[derive(Clone, Debug)]
pub struct Gate(PathBuf);

impl Gate {
    /// The gate whose state is in `dir`.
    pub const fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    /// Opens it, for the rest of the pod's life.
    pub fn open(&self) -> io::Result<()> {
        self.put("open", "")
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.0.join("open").exists()
    }

    /// Says what is waited for.
    pub fn tell(&self, line: &str) -> io::Result<()> {
        self.put("line", line)
    }

    /// Waits until it is open; past `limit`, answers what is waited for, in one line.
    pub fn wait(&self, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        while !self.is_open() {
            if Instant::now() >= end {
                let line = fs::read_to_string(self.0.join("line")).unwrap_or_default();
                let line = line.lines().next().filter(|l| !l.is_empty()).unwrap_or("the sidecar is starting");
                return Err(line.to_owned());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    fn put(&self, name: &str, content: &str) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let half = self.0.join(format!("{name}.half"));
        fs::write(&half, content)?;
        fs::rename(half, self.0.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_answers_its_line_and_an_open_one_lets_through() {
        let dir = tempfile::tempdir().unwrap();
        let gate = Gate::new(dir.path().join("state"));
        assert_eq!(gate.wait(Duration::ZERO).unwrap_err(), "the sidecar is starting");
        gate.tell("db: step provision, attempt 2, 14 s").unwrap();
        assert_eq!(gate.wait(Duration::ZERO).unwrap_err(), "db: step provision, attempt 2, 14 s");
        let waiting = gate.clone();
        let waiter = thread::spawn(move || waiting.wait(STARTED));
        gate.open().unwrap();
        waiter.join().unwrap().unwrap();
    }
}
