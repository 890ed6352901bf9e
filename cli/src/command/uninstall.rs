//! `sandbind uninstall`: the way out, in an order that leaves nothing hanging.
#![expect(clippy::indexing_slicing, reason = "indexing a Value by a key answers Null, it cannot panic")]

use std::time::{Duration, Instant};

use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use sandbind_core::api::{ResourceInstance, Sandbox};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    args::{Global, UninstallArgs},
    client::{self, Cluster, unless_gone},
    exit::{Failure, Outcome},
    install::{self, Options},
    output::Shell,
};

/// Refuses while resources live, unless told. Then, in this order: webhook configurations, so that no pod is held up; the
/// programs, so that nobody sets a finalizer again; Sandboxes and records; everything else; the kinds.
pub(crate) async fn run(global: &Global, args: UninstallArgs, shell: &Shell) -> Outcome {
    let cluster = client::connect(global).await?;
    let options = Options {
        namespace: global.namespace.clone().unwrap_or_else(|| global.system_namespace.clone()),
        step_namespaces: args.step_namespace.clone(),
        ..Options::default()
    };
    let until = Instant::now() + args.timeout.duration();
    let sandboxes = list::<Sandbox>(&cluster).await?;
    refuse_while_alive(&list::<ResourceInstance>(&cluster).await?, &options, args.force, shell)?;
    let objects = install::render(&options);
    let kind = |object: &Value| object["kind"].as_str().unwrap_or_default().to_owned();
    let (first, rest): (Vec<&Value>, Vec<&Value>) = objects
        .iter()
        .rev()
        .partition(|object| kind(object).ends_with("WebhookConfiguration") || kind(object) == "Deployment");
    for object in first {
        remove(&cluster, object, until, shell).await?;
    }
    for sandbox in sandboxes {
        let namespace = sandbox.namespace().unwrap_or_default();
        release(&Api::<Sandbox>::namespaced(cluster.client.clone(), &namespace), &sandbox).await?;
    }
    for record in list::<ResourceInstance>(&cluster).await? {
        let namespace = record.namespace().unwrap_or_default();
        release(&Api::<ResourceInstance>::namespaced(cluster.client.clone(), &namespace), &record).await?;
    }
    for object in rest {
        let step_namespace = kind(object) == "Namespace" && object["metadata"]["name"] != *options.namespace;
        if !step_namespace || args.delete_step_namespaces {
            remove(&cluster, object, until, shell).await?;
        }
    }
    shell.note("sandbind is removed");
    Ok(())
}

/// All objects of the kind; none where the API server does not know it.
async fn list<K>(cluster: &Cluster) -> Outcome<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    match Api::<K>::all(cluster.client.clone()).list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn refuse_while_alive(
    records: &[ResourceInstance],
    options: &Options,
    force: bool,
    shell: &Shell,
) -> Outcome {
    let alive: Vec<String> = records
        .iter()
        .map(|record| {
            let key = &record.spec.key;
            format!("{}/{} {}", key.namespace, key.sandbox, key.resource)
        })
        .collect();
    if alive.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = alive.iter().map(String::as_str).take(10).collect();
    let more = alive.len() - shown.len();
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    if force {
        shell.note(&format!("these stay outside and nothing will remove them: {}{rest}", shown.join(", ")));
        return Ok(());
    }
    Err(Failure::failed(
        "InUse",
        format!("namespace {}", options.namespace),
        format!("{} resources live: {}{rest}", alive.len(), shown.join(", ")),
        "delete their sandboxes first (`sandbind sandbox list -A`), or give --force to leave the resources behind for ever",
    ))
}

/// Removes an object of the installation and waits until it is gone. Absent: fine.
async fn remove(cluster: &Cluster, object: &Value, until: Instant, shell: &Shell) -> Outcome {
    let api = client::api_of(&cluster.client, object);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match api.delete(name, &DeleteParams::foreground()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    while api.get_opt(name).await?.is_some() {
        if Instant::now() >= until {
            return Err(Failure::late(
                client::title(object),
                "it is still there",
                "look at its finalizers, then run this again",
            ));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    shell.progress(&format!("removed {}", client::title(object)));
    Ok(())
}

/// Lets the finalizers go and deletes.
async fn release<K>(api: &Api<K>, object: &K) -> Outcome
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let name = object.name_any();
    let patch = json!({"metadata": {"finalizers": null}});
    if !object.finalizers().is_empty() {
        unless_gone(api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await)?;
    }
    unless_gone(api.delete(&name, &DeleteParams::default()).await)
}
