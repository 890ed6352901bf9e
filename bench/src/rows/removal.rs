//! How soon after its last pod a resource's removal begins.

use sandbind_core::api::instance::Phase;
use serde_json::json;

use super::Means;
use crate::{
    bed::{self, LINGER, now},
    figure::median,
    row::Row,
};

const RUNS: usize = 5;

/// Of bare pods, one sandbox after the other.
pub(crate) fn measure(means: &Means) -> anyhow::Result<Vec<Row>> {
    let Some(kubeconfig) = &means.kubeconfig else { return Ok(Vec::new()) };
    let times = bed::with(kubeconfig, async |bed| {
        let mut times = Vec::new();
        for nth in 0..RUNS {
            let name = format!("pr-{nth}");
            bed.create(&bed::pod(&name, Some(&name), &json!({}))?).await?;
            bed.said(&name).await?;
            bed.delete(&name).await?;
            let gone = now()?;
            bed.until("its removal begins", async || {
                let phase = bed.phase(&name).await?;
                Ok(phase.is_none_or(|phase| phase == Phase::Deleting).then_some(()))
            })
            .await?;
            times.push(now()? - gone);
        }
        Ok(times)
    })?;
    let time = median(&times);
    Ok(vec![Row {
        what: "last pod gone → the removal of its resource begins (linger 1 s)",
        figure: format!("{time:.2} s (median of {RUNS})"),
        goal: "≤ linger + 5 s",
        met: Some(time <= LINGER + 5.0),
    }])
}
