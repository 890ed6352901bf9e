//! Waiting for a record to come to stand as somebody needs it.

use std::time::Duration;

use sandbind_core::lifecycle::record::Record;
use tokio::time::timeout;

use crate::ports::{Answer, Records};

/// Reads the record, and again after each change, until `judge` answers something. `None` is an absent record. There is no end
/// to it: whoever waits sets a time of their own around it.
pub async fn until<R: Records, T: Send>(
    records: &R,
    name: &str,
    mut judge: impl FnMut(Option<&Record>) -> Option<T> + Send,
) -> Answer<T> {
    let mut changes = Changes::default();
    loop {
        let record = records.read(name).await?;
        if let Some(answer) = judge(record.as_ref()) {
            return Ok(answer);
        }
        changes.since(records, name, record.as_ref()).await;
    }
}

/// Between reads while the cache stays behind what is read, as it does when a watch is broken.
pub(crate) const BEHIND: Duration = Duration::from_secs(5);

/// Waits, between reads of one record, for it to differ from what was read.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The versions that were read and hinted last.
    last: Option<(String, String)>,
}

impl Changes {
    /// Resolves when the record may differ from what was read. A cache that is behind says at once that it does, as often as it is
    /// asked: when a read has found the same again, the wait is for the cache to move, or for [`BEHIND`].
    pub(crate) async fn since<R: Records>(&mut self, records: &R, name: &str, read: Option<&Record>) {
        let version =
            |record: Option<&Record>| record.map(|record| record.version.clone()).unwrap_or_default();
        let hinted = records.hint(name);
        let seen = (version(read), version(hinted.as_deref()));
        if seen.0 != seen.1 && self.last.as_ref() == Some(&seen) {
            let _ = timeout(BEHIND, records.changed(name, &seen.1)).await;
        } else {
            records.changed(name, &seen.0).await;
        }
        self.last = Some(seen);
    }
}

#[cfg(test)]
mod tests;
