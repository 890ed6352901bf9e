//! A door in a plugin's script: the work takes exactly as long as the test wants it to.

use super::{Ledger, unique};

/// Closed until the test opens it, or ends.
pub struct Latch {
    name: String,
}

impl Latch {
    /// A closed one.
    pub fn new() -> Self {
        Ledger::get();
        Self { name: format!("latch-{}", unique()) }
    }

    /// The line of a step's script that waits until it is open.
    pub fn wait(&self) -> String {
        format!("until {}; do sleep 0.2; done", self.is_open())
    }

    /// The line that runs this command while it is closed.
    pub fn unless_open(&self, command: &str) -> String {
        format!("{} || {{ {command}; }}", self.is_open())
    }

    /// The command that succeeds once it is open.
    fn is_open(&self) -> String {
        format!("[ \"$(psql -Atqc \"select 1 from latches where name = '{}'\")\" = 1 ]", self.name)
    }

    /// Lets every script through, now and later.
    pub fn open(&self) {
        self.try_open().unwrap();
    }

    fn try_open(&self) -> Result<String, String> {
        Ledger.sql(&format!("insert into latches values ('{}') on conflict do nothing", self.name))
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        // A test that fails leaves nobody waiting.
        let _ = self.try_open();
    }
}
