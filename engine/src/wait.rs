//! Waiting for a record to come to stand as somebody needs it.

use std::future::Future;

use sandbind_core::lifecycle::record::Record;

use crate::ports::{Answer, Records};

/// Reads the record, and again after each change, until `judge` answers something. `None` is an absent record. There is no end
/// to it: whoever waits sets a time of their own around it.
pub async fn until<R: Records, T: Send>(
    records: &R,
    name: &str,
    mut judge: impl FnMut(Option<&Record>) -> Option<T> + Send,
) -> Answer<T> {
    loop {
        let record = records.read(name).await?;
        if let Some(answer) = judge(record.as_ref()) {
            return Ok(answer);
        }
        changed(records, name, record.as_ref()).await;
    }
}

/// Resolves when the record may differ from what was read.
pub(crate) fn changed<'a, R: Records>(
    records: &'a R,
    name: &'a str,
    record: Option<&'a Record>,
) -> impl Future<Output = ()> + Send + 'a {
    records.changed(name, record.map_or("", |record| &record.version))
}
