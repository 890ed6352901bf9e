//! `sandbind sandbox list`, `get`.

use jiff::Timestamp;
use kube::{Api, api::ListParams};
use sandbind_core::api::{Sandbox, SandboxStatus, sandbox::PodState};
use serde_json::json;

use crate::{
    args::ListArgs,
    client::Cluster,
    exit::Outcome,
    output::{Shell, age, table},
};

/// All of a namespace, or of all.
pub(super) async fn list(cluster: &Cluster, args: &ListArgs, shell: &Shell) -> Outcome {
    let api: Api<Sandbox> =
        if args.all_namespaces { Api::all(cluster.client.clone()) } else { super::api(cluster) };
    let params = ListParams { label_selector: args.selector.clone(), ..ListParams::default() };
    let items = api.list(&params).await?.items;
    if items.is_empty() && shell.format() == crate::output::Format::Human {
        let place =
            if args.all_namespaces { String::new() } else { format!(" in namespace {}", cluster.namespace) };
        shell.note(&format!("no sandboxes{place}"));
        return Ok(());
    }
    let list = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "SandboxList", "items": items});
    shell.show(&list, || rows(&items, args.all_namespaces, Timestamp::now()))
}

/// One of them, in full.
pub(super) async fn get(cluster: &Cluster, name: &str, shell: &Shell) -> Outcome {
    let sandbox = super::read(cluster, name).await?;
    shell.show(&sandbox, || details(&sandbox, Timestamp::now()))
}

/// The phase as people see it: what was not looked at yet is Pending.
pub(super) fn phase(sandbox: &Sandbox) -> String {
    let phase = sandbox.status.as_ref().and_then(|status| status.phase);
    phase.map_or_else(|| "Pending".to_owned(), |phase| format!("{phase:?}"))
}

fn rows(items: &[Sandbox], namespaces: bool, now: Timestamp) -> String {
    let mut head = vec!["NAME", "PHASE", "RESOURCES", "PODS", "AGE", "MESSAGE"];
    if namespaces {
        head.insert(0, "NAMESPACE");
    }
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|sandbox| {
            let status = sandbox.status.clone().unwrap_or_default();
            let mut row = vec![
                sandbox.metadata.name.clone().unwrap_or_default(),
                phase(sandbox),
                status.summary.unwrap_or_default(),
                status.pod_count.to_string(),
                age(sandbox.metadata.creation_timestamp.as_ref().map(|time| time.0), now),
                status.message.unwrap_or_default(),
            ];
            if namespaces {
                row.insert(0, sandbox.metadata.namespace.clone().unwrap_or_default());
            }
            row
        })
        .collect();
    table(&head, &rows)
}

fn details(sandbox: &Sandbox, now: Timestamp) -> String {
    let metadata = &sandbox.metadata;
    let status = sandbox.status.clone().unwrap_or_default();
    let ttl = sandbox.spec.ttl.as_ref().map(|ttl| ttl.duration.to_string());
    let lines = [
        ("Name", metadata.name.clone()),
        ("Namespace", metadata.namespace.clone()),
        ("Age", Some(age(metadata.creation_timestamp.as_ref().map(|time| time.0), now))),
        ("Lifetime", Some(format!("{:?}", sandbox.spec.lifetime))),
        ("TTL", ttl),
        ("Expires", status.expires_at.clone()),
        ("Phase", Some(phase(sandbox))),
        ("Message", status.message.clone().filter(|message| !message.is_empty())),
    ];
    let mut text: String = lines
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{:<11}{value}\n", format!("{name}:"))))
        .collect();
    text.push_str(&resources(&status, now));
    text.push_str(&pods(&status));
    let conditions: Vec<Vec<String>> = status
        .conditions
        .iter()
        .map(|c| vec![c.type_.clone(), c.status.clone(), c.reason.clone(), c.message.clone()])
        .collect();
    if !conditions.is_empty() {
        text.push('\n');
        text.push_str(&table(&["CONDITION", "STATUS", "REASON", "MESSAGE"], &conditions));
    }
    text
}

fn resources(status: &SandboxStatus, now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = status
        .resources
        .iter()
        .map(|resource| {
            vec![
                resource.name.clone(),
                resource.plugin.clone().unwrap_or_default(),
                resource.phase.clone(),
                resource.round.to_string(),
                age(resource.since.as_deref().and_then(|since| since.parse().ok()), now),
                resource.output_keys.join(","),
                resource.message.clone().unwrap_or_default(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n{}", table(&["RESOURCE", "PLUGIN", "PHASE", "ROUND", "SINCE", "OUTPUTS", "MESSAGE"], &rows))
}

fn pods(status: &SandboxStatus) -> String {
    let state = |state: PodState| format!("{state:?}");
    let rows: Vec<Vec<String>> =
        status.pods.iter().map(|pod| vec![pod.name.clone(), state(pod.state)]).collect();
    if rows.is_empty() {
        return String::new();
    }
    let more = usize::try_from(status.pod_count).unwrap_or_default().saturating_sub(rows.len());
    let rest = if more == 0 { String::new() } else { format!("and {more} more\n") };
    format!("\n{}{rest}", table(&["POD", "STATE"], &rows))
}
