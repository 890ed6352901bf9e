//! What a label adds to the call that creates a pod, and how often the webhook is called for it.

use axum::http::Request;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use serde_json::json;

use super::Means;
use crate::{
    bed::{self, Bed},
    figure::{median, quantile},
    row::Row,
};

const PODS: usize = 150;
/// Where sandbind's own programs run.
const SYSTEM: &str = "sandbind-system";
/// The webhook's counter of answers, and its label for pods.
const COUNTER: &str = "sandbind_webhook_decisions_total";
const ROUTE: &str = "route=\"mutate\"";

/// Pods that no node takes: only the call counts.
pub(crate) fn measure(means: &Means) -> anyhow::Result<Vec<Row>> {
    let Some(kubeconfig) = &means.kubeconfig else { return Ok(Vec::new()) };
    let (plain, labelled, calls) = bed::with(kubeconfig, async |bed| {
        bed.create(&bed::pod("first", Some("pr-1"), &json!({}))?).await?;
        bed.said("first").await?;
        let nowhere = json!({"nodeSelector": {"bench": "nowhere"}});
        let (mut plain, mut labelled) = (Vec::new(), Vec::new());
        let before = calls(bed).await?;
        for nth in 0..PODS {
            for (sandbox, times) in [(None, &mut plain), (Some("pr-1"), &mut labelled)] {
                let name = format!("{}-{nth}", sandbox.unwrap_or("plain"));
                times.push(bed.create(&bed::pod(&name, sandbox, &nowhere)?).await?.1.as_secs_f64() * 1e3);
            }
        }
        let calls = calls(bed).await? - before;
        bed.pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
        Ok((plain, labelled, calls))
    })?;
    let added = quantile(&labelled, 0.99) - median(&plain);
    let call = Row {
        what: "labelled pod, resource Ready, real API server: added to the create call",
        figure: format!(
            "p99 {added:.0} ms, p50 {:.0} ms (p99 and p50 of {PODS}, less the p50 of {PODS} plain pods, {:.0} ms)",
            median(&labelled) - median(&plain),
            median(&plain)
        ),
        goal: "p99 ≤ 50 ms",
        met: Some(added <= 50.0),
    };
    let calls = Row {
        what: "calls of the webhook for these pods",
        figure: format!("{calls} for {PODS} labelled and {PODS} plain pods"),
        goal: "1 for each labelled pod, 0 for others",
        met: Some(calls == PODS),
    };
    Ok(vec![call, calls])
}

/// Pods that the installed webhook has answered so far, by its own counters.
async fn calls(bed: &Bed) -> anyhow::Result<usize> {
    let pods: Api<Pod> = Api::namespaced(bed.client(), SYSTEM);
    let webhooks = pods.list(&ListParams::default().labels("app.kubernetes.io/component=webhook")).await?;
    let [pod] = webhooks.items.as_slice() else {
        anyhow::bail!("{} webhooks, not one", webhooks.items.len())
    };
    let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{}:8080/proxy/metrics", pod.name_any());
    let metrics = bed.client().request_text(Request::get(path).body(Vec::new())?).await?;
    let counters = metrics.lines().filter(|line| line.starts_with(COUNTER) && line.contains(ROUTE));
    counters.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<usize>()?)).sum()
}
