//! `sandbind orphans`: what a cluster admin does when a removal does not succeed.

use std::time::Instant;

use futures::StreamExt as _;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use sandbind_core::{
    api::{
        ResourceInstance, ResourcePlugin,
        instance::{Failure as StepFailure, Phase},
    },
    version::Identity,
};
use sandbind_wire::name::{ANNOTATION_DELETE_NOW, ANNOTATION_DELETE_WITH, ANNOTATION_FORGET};
use serde_json::{Value, json};

use crate::{
    args::{Global, OrphansCommand, OrphansForgetArgs, OrphansListArgs, OrphansRetryArgs},
    client::{self, Cluster},
    exit::{Failure, Outcome},
    output::{Format, Shell, age, table},
};

/// Does what was typed.
pub(crate) async fn run(global: &Global, command: OrphansCommand, shell: &Shell) -> Outcome {
    let cluster = client::connect(global).await?;
    match command {
        OrphansCommand::List(args) => list(&cluster, global, &args, shell).await,
        OrphansCommand::Retry(args) => retry(&cluster, &args, shell).await,
        OrphansCommand::Forget(args) => forget(&cluster, &args, shell).await,
    }
}

fn api(cluster: &Cluster) -> Api<ResourceInstance> {
    Api::namespaced(cluster.client.clone(), &cluster.system)
}

/// Those in trouble; of the namespace given with `-n`, if any.
async fn list(cluster: &Cluster, global: &Global, args: &OrphansListArgs, shell: &Shell) -> Outcome {
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(cluster.client.clone());
    let alive: Vec<String> = namespaces
        .list_metadata(&ListParams::default())
        .await?
        .items
        .iter()
        .filter_map(kube::ResourceExt::uid)
        .collect();
    let items: Vec<ResourceInstance> = api(cluster)
        .list(&ListParams::default())
        .await?
        .items
        .into_iter()
        .filter(|record| {
            global.namespace.as_ref().is_none_or(|namespace| record.spec.key.namespace == *namespace)
        })
        .filter(|record| args.all || in_trouble(record, &alive))
        .collect();
    if items.is_empty() && shell.format() == Format::Human {
        shell.note("no orphans");
        return Ok(());
    }
    let list = json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceInstanceList", "items": items});
    shell.show(&list, || rows(&items, Timestamp::now()))
}

/// Its removal has failed before, it is stalled, or nobody is left who could ask for its removal.
fn in_trouble(record: &ResourceInstance, alive: &[String]) -> bool {
    let Some(status) = &record.status else { return true };
    let stalled =
        status.conditions.iter().any(|condition| condition.type_ == "Stalled" && condition.status == "True");
    let leaving = matches!(status.phase, Phase::Deleting | Phase::Undoing);
    let failing = leaving && status.steps.iter().any(|step| step.failures > 0);
    stalled || failing || !alive.contains(&record.spec.key.namespace_uid)
}

fn rows(items: &[ResourceInstance], now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|record| {
            let key = &record.spec.key;
            let status = record.status.as_ref();
            vec![
                record.name_any(),
                key.namespace.clone(),
                key.sandbox.clone(),
                key.resource.clone(),
                status
                    .and_then(|s| s.plugin.as_ref())
                    .map(|plugin| plugin.identity.clone())
                    .unwrap_or_default(),
                status.map(|s| format!("{:?}", s.phase)).unwrap_or_default(),
                age(status.map(|s| s.since), now),
                status.and_then(|s| s.last_failure.as_ref()).map(failure_line).unwrap_or_default(),
            ]
        })
        .collect();
    table(&["ID", "NAMESPACE", "SANDBOX", "RESOURCE", "PLUGIN", "PHASE", "SINCE", "LAST FAILURE"], &rows)
}

fn failure_line(failure: &StepFailure) -> String {
    let StepFailure { step, attempt, how, last_line, .. } = failure;
    let step = step.as_ref().map(|step| format!("step {step}, ")).unwrap_or_default();
    let attempt = attempt.map(|attempt| format!("attempt {attempt}: ")).unwrap_or_default();
    let line = if last_line.is_empty() { String::new() } else { format!(": {last_line}") };
    format!("{step}{attempt}{how}{line}")
}

/// The record of this name or incarnation.
async fn find(cluster: &Cluster, id: &str) -> Outcome<ResourceInstance> {
    if let Some(record) = api(cluster).get_opt(id).await? {
        return Ok(record);
    }
    let all = api(cluster).list(&ListParams::default()).await?;
    all.items.into_iter().find(|record| record.spec.incarnation == id).ok_or_else(|| {
        Failure::failed(
            "NotFound",
            format!("ResourceInstance {}/{id}", cluster.system),
            "there is no record of this name or incarnation",
            "`sandbind orphans list --all` shows all of them",
        )
    })
}

async fn retry(cluster: &Cluster, args: &OrphansRetryArgs, shell: &Shell) -> Outcome {
    let record = find(cluster, &args.id).await?;
    let name = record.name_any();
    let mut annotations = serde_json::Map::new();
    annotations.insert(ANNOTATION_DELETE_NOW.to_owned(), json!(Timestamp::now().to_string()));
    if let Some(plugin) = &args.plugin {
        let identity: Identity = plugin.parse().map_err(|error: sandbind_core::version::VersionError| {
            Failure::usage("WrongPlugin", "--plugin", error.to_string(), "write NAME@VERSION")
        })?;
        let plugins: Api<ResourcePlugin> = Api::all(cluster.client.clone());
        if plugins.get_opt(&identity.object_name()).await?.is_none() {
            return Err(Failure::failed(
                "UnknownPlugin",
                "--plugin",
                format!("there is no ResourcePlugin `{}`", identity.object_name()),
                "apply it first, `sandbind plugin list --all-versions` shows those there are",
            ));
        }
        annotations.insert(ANNOTATION_DELETE_WITH.to_owned(), json!(identity.to_string()));
    }
    annotate(cluster, &name, Value::Object(annotations)).await?;
    shell.note(&format!("the removal of {name} is tried again"));
    if args.wait {
        gone(cluster, &name, record.metadata.uid.as_deref(), args).await?;
        shell.note(&format!("{name} is gone"));
    }
    Ok(())
}

async fn gone(cluster: &Cluster, name: &str, uid: Option<&str>, args: &OrphansRetryArgs) -> Outcome {
    let end = Instant::now() + args.timeout.duration();
    let mut last = String::new();
    let mut looks = std::pin::pin!(client::follow(api(cluster), name));
    while let Ok(Some(seen)) = tokio::time::timeout_at(end.into(), looks.next()).await {
        match seen? {
            Some(record) if record.metadata.uid.as_deref() == uid => {
                last = record.status.map(|status| status.message).unwrap_or_default();
            }
            _ => return Ok(()),
        }
    }
    Err(Failure::late(
        format!("ResourceInstance {}/{name}", cluster.system),
        format!("not gone within {}; it says: {last}", args.timeout),
        "`sandbind orphans list` shows the last failure",
    ))
}

async fn forget(cluster: &Cluster, args: &OrphansForgetArgs, shell: &Shell) -> Outcome {
    if args.reason.trim().is_empty() {
        return Err(Failure::usage(
            "NoReason",
            "--reason",
            "the ledger needs to know why",
            "say who removed the resource, or why it need not be removed",
        ));
    }
    let name = find(cluster, &args.id).await?.name_any();
    annotate(cluster, &name, json!({ANNOTATION_FORGET: args.reason})).await?;
    shell.note(&format!("{name} is given up: whatever exists of it outside stays"));
    Ok(())
}

async fn annotate(cluster: &Cluster, name: &str, annotations: Value) -> Outcome {
    let patch = json!({"metadata": {"annotations": annotations}});
    api(cluster).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}
