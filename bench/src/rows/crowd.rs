//! A thousand pods of one sandbox at once.

use std::time::{Duration, Instant};

use super::Means;
use crate::{
    figure::median,
    machine::status_mib,
    row::Row,
    webhook::{
        load::{Connection, request, trust},
        server::Serving,
    },
};

const RUNS: usize = 3;
const PODS: usize = 1_000;
/// A write to etcd by way of an API server.
const WRITE: Duration = Duration::from_millis(5);

/// Writes, denials and the most memory, of servers that have done nothing before.
pub(crate) fn measure(_: &Means) -> anyhow::Result<Vec<Row>> {
    let (mut writes, mut denied, mut memory, mut seconds) = (Vec::new(), 0, Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let serving = Serving::start(WRITE, usize::MAX)?;
        let trust = trust(&serving)?;
        let mut connections: Vec<Connection> =
            (0..PODS).map(|_| Connection::open(&serving, &trust)).collect::<anyhow::Result<_>>()?;
        let request = request("pr-142");
        let begin = Instant::now();
        for connection in &mut connections {
            connection.ask(&request)?;
        }
        for connection in &mut connections {
            denied += usize::from(!connection.allowed()?);
        }
        seconds.push(begin.elapsed().as_secs_f64());
        writes.push(serving.metric("sandbind_webhook_reservation_writes_total")?);
        memory.push(status_mib(serving.pid(), "VmHWM")?);
    }
    let (writes, memory) = (median(&writes), median(&memory));
    Ok(vec![
        Row {
            what: "1,000 pods of one sandbox at once (a write takes 5 ms)",
            figure: format!(
                "{writes:.0} reservation writes, {denied} denials, {:.2} s (median of {RUNS})",
                median(&seconds)
            ),
            goal: "≤ 50 writes, no denial",
            met: Some(writes <= 50.0 && denied == 0),
        },
        Row {
            what: "the webhook's memory at most, 1,000 connections open",
            figure: format!("{memory:.1} MiB resident (median of {RUNS})"),
            goal: "≤ 64 MiB",
            met: Some(memory <= 64.0),
        },
    ])
}
