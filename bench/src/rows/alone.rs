//! The webhook alone, on one core: HTTPS with keep-alive, the resource Ready, the store answered in memory.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::Means;
use crate::{
    figure::{median, quantile},
    machine::{on_core, processor_seconds, status_mib},
    row::Row,
    webhook::{
        load::{Connection, request, trust},
        server::Serving,
    },
};

const RUNS: usize = 5;
const CONNECTIONS: usize = 32;
const ADMISSIONS: usize = 800;
const ONE_BY_ONE: usize = 4_000;
/// Of one run.
#[expect(clippy::cast_precision_loss, reason = "some thousands")]
const TOTAL: f64 = (CONNECTIONS * ADMISSIONS) as f64;
/// Reservations that stay open in a record: of pods that are not seen yet.
const KEPT: usize = 8;

/// Admissions per second of many, the median of one by one, memory.
pub(crate) fn measure(_: &Means) -> anyhow::Result<Vec<Row>> {
    let serving = on_core(0, || Serving::start(Duration::ZERO, KEPT))??;
    let (mut rates, mut worked, mut singles) = (Vec::new(), Vec::new(), Vec::new());
    on_core(1, || -> anyhow::Result<()> {
        many(&serving)?;
        for _ in 0..RUNS {
            let before = processor_seconds(serving.pid())?;
            rates.push(many(&serving)?);
            let seconds = processor_seconds(serving.pid())? - before;
            worked.push(TOTAL / seconds.max(0.01));
            singles.push(one_by_one(&serving)?);
        }
        Ok(())
    })??;
    let resident = status_mib(serving.pid(), "VmRSS")?;
    let (rate, worked, single) = (median(&rates), median(&worked), median(&singles));
    Ok(vec![
        Row {
            what: "webhook alone, one core, 32 connections, 8 sandboxes with 8 open reservations each",
            figure: format!(
                "{worked:.0} admissions per second of its processor time (median of {RUNS} runs of {TOTAL})"
            ),
            goal: "≥ 10,000/s",
            met: Some(worked >= 10_000.0),
        },
        Row {
            what: "the same by the clock, whatever else ran on that core",
            figure: format!("{rate:.0} admissions/s (median of {RUNS} runs)"),
            goal: "≥ 10,000/s",
            met: Some(rate >= 10_000.0),
        },
        Row {
            what: "one admission at a time",
            figure: format!(
                "p50 {single:.3} ms (median of {RUNS} runs of {ONE_BY_ONE}; quickest run {:.3})",
                quantile(&singles, 0.0)
            ),
            goal: "p50 ≤ 0.15 ms",
            met: Some(single <= 0.15),
        },
        Row {
            what: "its memory after that load",
            figure: format!("{resident:.1} MiB resident"),
            goal: "≤ 16 MiB",
            met: Some(resident <= 16.0),
        },
    ])
}

fn many(serving: &Serving) -> anyhow::Result<f64> {
    let trust = trust(serving)?;
    let connections: Vec<Connection> =
        (0..CONNECTIONS).map(|_| Connection::open(serving, &trust)).collect::<anyhow::Result<_>>()?;
    let begin = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(nth, mut connection)| {
                scope.spawn(move || -> anyhow::Result<()> {
                    let request = request(&format!("pr-{}", nth % 8));
                    for _ in 0..ADMISSIONS {
                        connection.ask(&request)?;
                        anyhow::ensure!(connection.allowed()?, "a pod was denied");
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("a thread failed"))?)
    })?;
    Ok(TOTAL / begin.elapsed().as_secs_f64())
}

fn one_by_one(serving: &Serving) -> anyhow::Result<f64> {
    let mut connection = Connection::open(serving, &trust(serving)?)?;
    let request = request("pr-0");
    let mut times = Vec::with_capacity(ONE_BY_ONE);
    for _ in 0..ONE_BY_ONE {
        let begin = Instant::now();
        connection.ask(&request)?;
        anyhow::ensure!(connection.allowed()?, "a pod was denied");
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(quantile(&times, 0.5))
}
