//! What a label adds to the call that creates a pod.

use kube::api::{DeleteParams, ListParams};
use serde_json::json;

use super::Means;
use crate::{
    bed,
    figure::{median, quantile},
    row::Row,
};

const PODS: usize = 150;

/// Pods that no node takes: only the call counts.
pub(crate) fn measure(means: &Means) -> anyhow::Result<Vec<Row>> {
    let Some(kubeconfig) = &means.kubeconfig else { return Ok(Vec::new()) };
    let (plain, labelled) = bed::with(kubeconfig, async |bed| {
        bed.create(&bed::pod("first", Some("pr-1"), &json!({}))?).await?;
        bed.said("first").await?;
        let nowhere = json!({"nodeSelector": {"bench": "nowhere"}});
        let (mut plain, mut labelled) = (Vec::new(), Vec::new());
        for nth in 0..PODS {
            for (sandbox, times) in [(None, &mut plain), (Some("pr-1"), &mut labelled)] {
                let name = format!("{}-{nth}", sandbox.unwrap_or("plain"));
                times.push(bed.create(&bed::pod(&name, sandbox, &nowhere)?).await?.1.as_secs_f64() * 1e3);
            }
        }
        bed.pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
        Ok((plain, labelled))
    })?;
    let added = quantile(&labelled, 0.99) - median(&plain);
    Ok(vec![Row {
        what: "labelled pod, resource Ready, real API server: added to the create call",
        figure: format!(
            "p99 {added:.0} ms, p50 {:.0} ms (p99 and p50 of {PODS}, less the p50 of {PODS} plain pods, {:.0} ms)",
            median(&labelled) - median(&plain),
            median(&plain)
        ),
        goal: "p99 ≤ 50 ms",
        met: Some(added <= 50.0),
    }])
}
