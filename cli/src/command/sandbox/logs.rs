//! `sandbind sandbox logs`: what the steps wrote, from the system namespace where the reader may; else the status.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _, api::ListParams};
use sandbind_core::api::ResourceInstance;
use sandbind_wire::name::{LABEL_INSTANCE, LABEL_PHASE, LABEL_STEP};
use serde::Serialize;

use super::place;
use crate::{
    args::LogsArgs,
    client::Cluster,
    exit::{Failure, Outcome},
    output::Shell,
};

/// The key of the log in an attempt's Secret.
const KEY: &str = "log";

/// The log of one attempt.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    resource: String,
    phase: String,
    step: String,
    /// The step pod's name, which ends with the attempt.
    attempt: String,
    at: String,
    log: String,
}

/// Oldest first, each below a line that names it.
pub(super) async fn run(cluster: &Cluster, args: &LogsArgs, shell: &Shell) -> Outcome {
    let logs = match read(cluster, args).await {
        Err(kube::Error::Api(status)) if status.code == 403 => return told(cluster, args, shell).await,
        logs => logs?,
    };
    if logs.is_empty() {
        // The sandbox may still be absent, which is the more useful thing to say.
        super::read(cluster, &args.name).await?;
        shell.note("no step has written anything yet");
    }
    shell.show(&logs, || {
        logs.iter()
            .map(|log| {
                let Written { resource, phase, step, attempt, at, log } = log;
                let end = if log.is_empty() || log.ends_with('\n') { "" } else { "\n" };
                format!("==> {resource}: {phase} step {step}, {attempt}, {at} <==\n{log}{end}")
            })
            .collect::<Vec<_>>()
            .concat()
    })
}

async fn read(cluster: &Cluster, args: &LogsArgs) -> Result<Vec<Written>, kube::Error> {
    let records: Api<ResourceInstance> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.system);
    let mut logs = Vec::new();
    for record in records.list(&ListParams::default()).await? {
        let key = &record.spec.key;
        let wanted = key.namespace == cluster.namespace
            && key.sandbox == args.name
            && args.resource.as_ref().is_none_or(|resource| *resource == key.resource);
        if !wanted {
            continue;
        }
        let mut selector = format!("{LABEL_INSTANCE}={}", record.name_any());
        if let Some(step) = &args.step {
            selector = format!("{selector},{LABEL_STEP}={step}");
        }
        for secret in secrets.list(&ListParams::default().labels(&selector)).await? {
            let Some(bytes) = secret.data.as_ref().and_then(|data| data.get(KEY)) else { continue };
            let label = |name: &str| secret.labels().get(name).cloned().unwrap_or_default();
            logs.push(Written {
                resource: key.resource.clone(),
                phase: label(LABEL_PHASE),
                step: label(LABEL_STEP),
                attempt: secret.name_any(),
                at: secret.creation_timestamp().map(|time| time.0.to_string()).unwrap_or_default(),
                log: String::from_utf8_lossy(&bytes.0).into_owned(),
            });
        }
    }
    logs.sort_by(|a, b| (&a.at, &a.attempt).cmp(&(&b.at, &b.attempt)));
    Ok(logs)
}

/// For readers without rights in the system namespace: the last line of each resource, which its status shows.
async fn told(cluster: &Cluster, args: &LogsArgs, shell: &Shell) -> Outcome {
    let sandbox = super::read(cluster, &args.name).await?;
    shell.note(&format!(
        "the logs lie in namespace {}, which you may not read: here is what the status says of the steps",
        cluster.system
    ));
    let resources: Vec<_> = sandbox
        .status
        .unwrap_or_default()
        .resources
        .into_iter()
        .filter(|r| args.resource.as_ref().is_none_or(|wanted| r.name.split('/').next() == Some(wanted)))
        .filter(|r| args.step.as_ref().is_none_or(|wanted| r.step.as_ref() == Some(wanted)))
        .collect();
    if resources.is_empty() {
        return Err(Failure::failed(
            "NothingToShow",
            place(cluster, &args.name),
            "the status names no such resource or step",
            format!("`sandbind sandbox get {}` shows what there is", args.name),
        ));
    }
    shell.show(&resources, || {
        resources
            .iter()
            .map(|r| {
                let step = r.step.as_ref().map(|step| format!(", step {step}")).unwrap_or_default();
                format!("{}: {}{step}: {}\n", r.name, r.phase, r.message.clone().unwrap_or_default())
            })
            .collect::<Vec<_>>()
            .concat()
    })
}
