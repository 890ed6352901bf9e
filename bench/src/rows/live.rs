//! Many live resources, each with a pod whose sidecar polls: what the runner holds, and what it does while nothing happens.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use super::Means;
use crate::{
    bed,
    live::{Poller, Population},
    machine::{processes, processor_seconds, status_mib},
    row::Row,
};

const LIVE: usize = 5_000;
/// How long the runner is looked at once nothing happens any more.
const LOOK: Duration = Duration::from_secs(60);
/// Longest time until then, after the last connection.
const SETTLING: Duration = Duration::from_secs(300);
/// It is idle when it uses less than this, in seconds of processor time, between two looks.
const CALM: f64 = 0.3;
const PAUSE: Duration = Duration::from_secs(5);

/// Memory and processor time of the runner that is installed.
pub(crate) fn measure(means: &Means) -> anyhow::Result<Vec<Row>> {
    let Some(kubeconfig) = &means.kubeconfig else { return Ok(Vec::new()) };
    let (memory, busy, settled) = bed::with(kubeconfig, async |bed| {
        let template = bed.life("pr-live").await?;
        let population = Population::make(bed, template, LIVE).await?;
        let poller = Arc::new(Poller::new(bed).await?);
        let mut polls = poller.all(population.pods()).await?;
        let looked = look(&poller).await;
        polls.shutdown().await;
        population.end().await?;
        looked
    })?;
    let idle = if settled { "" } else { "; it was never quite idle" };
    Ok(vec![
        Row {
            what: "5,000 live resources, a sidecar's long poll each: the runner's memory",
            figure: format!("{memory:.0} MiB resident"),
            goal: "≤ 256 MiB",
            met: Some(memory <= 256.0),
        },
        Row {
            what: "the same: its processor time while nothing happens",
            figure: format!("{:.1} % of a core over {} s{idle}", busy * 100.0, LOOK.as_secs()),
            goal: "≤ 5 % of a core",
            met: Some(busy <= 0.05),
        },
    ])
}

/// MiB, share of a core, whether it had come to rest before.
async fn look(poller: &Poller) -> anyhow::Result<(f64, f64, bool)> {
    let runners = processes("sandbind-plugin-runner");
    let [runner] = runners[..] else { anyhow::bail!("{} runners, not one", runners.len()) };
    let begin = Instant::now();
    let mut before = processor_seconds(runner)?;
    let settled = loop {
        sleep(PAUSE).await;
        let now = processor_seconds(runner)?;
        if now - before < CALM && poller.open() == LIVE {
            break true;
        }
        if begin.elapsed() > SETTLING {
            break false;
        }
        before = now;
    };
    let before = processor_seconds(runner)?;
    sleep(LOOK).await;
    anyhow::ensure!(poller.open() == LIVE, "only {} polls are open", poller.open());
    let busy = (processor_seconds(runner)? - before) / LOOK.as_secs_f64();
    Ok((status_mib(runner, "VmRSS").context("the runner is gone")?, busy, settled))
}
