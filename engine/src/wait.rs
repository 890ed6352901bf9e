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
        changes.since(records, &[(name, record.as_ref())]).await;
    }
}

/// Between reads while the cache stays behind what is read, as it does when a watch is broken.
const BEHIND: Duration = Duration::from_secs(5);

/// Waits, between reads of some records, for one of them to differ from what was read.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The versions that were read and hinted last.
    last: Option<(Vec<String>, Vec<String>)>,
}

impl Changes {
    /// Resolves when one of the records, by name and as read, may differ from that; with none, never. A cache that is behind says at
    /// once that it does, as often as it is asked: when a read has found the same again, the wait is for the cache to move, or for
    /// [`BEHIND`].
    pub(crate) async fn since<R: Records>(&mut self, records: &R, read: &[(&str, Option<&Record>)]) {
        let names: Vec<&str> = read.iter().map(|(name, _)| *name).collect();
        let hinted = names.iter().map(|name| version(records.hint(name).as_deref())).collect();
        let seen = (read.iter().map(|(_, record)| version(*record)).collect(), hinted);
        if seen.0 != seen.1 && self.last.as_ref() == Some(&seen) {
            let _ = timeout(BEHIND, any_changed(records, &names, &seen.1)).await;
        } else {
            any_changed(records, &names, &seen.0).await;
        }
        self.last = Some(seen);
    }
}

/// The version of a record; empty for none.
pub(crate) fn version(record: Option<&Record>) -> String {
    record.map(|record| record.version.clone()).unwrap_or_default()
}

/// Resolves when one of the records may have another version; with none, never.
pub(crate) async fn any_changed<R: Records>(records: &R, names: &[&str], versions: &[String]) {
    // Boxed: thousands wait here.
    let changes = names.iter().zip(versions).map(|(name, version)| Box::pin(records.changed(name, version)));
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() {
        return std::future::pending().await;
    }
    futures::future::select_all(changes).await;
}

#[cfg(test)]
mod tests;
