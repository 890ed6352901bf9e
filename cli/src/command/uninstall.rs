//! `sandbind uninstall`: the way out, in an order that leaves nothing hanging.

use std::time::{Duration, Instant};

use k8s_openapi::{
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
            ValidatingWebhookConfiguration,
        },
        core::v1::Namespace,
        rbac::v1::{ClusterRole, ClusterRoleBinding},
        scheduling::v1::PriorityClass,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use sandbind_core::api::{ResourceInstance, Sandbox};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    args::{Global, UninstallArgs},
    client::{self, Cluster},
    exit::{Failure, Outcome},
    install::{self, Options},
    output::Shell,
};

/// Refuses while resources live, unless told; then webhook configurations, Sandboxes, records, programs, kinds.
pub(crate) async fn run(global: &Global, args: UninstallArgs, shell: &Shell) -> Outcome {
    let cluster = client::connect(global).await?;
    let options = Options {
        namespace: global.namespace.clone().unwrap_or_else(|| global.system_namespace.clone()),
        step_namespaces: args.step_namespace.clone(),
        ..Options::default()
    };
    let until = Instant::now() + args.timeout.duration();
    if served::<ResourceInstance>(&cluster).await? {
        refuse_while_alive(&cluster, &options, args.force, shell).await?;
    }
    remove::<MutatingWebhookConfiguration>(&cluster, &options, shell).await?;
    remove::<ValidatingWebhookConfiguration>(&cluster, &options, shell).await?;
    // The runner would set finalizers again.
    remove_programs(&cluster, &options, until, shell).await?;
    if served::<Sandbox>(&cluster).await? {
        let sandboxes: Api<Sandbox> = Api::all(cluster.client.clone());
        for sandbox in sandboxes.list(&ListParams::default()).await? {
            let api: Api<Sandbox> =
                Api::namespaced(cluster.client.clone(), sandbox.namespace().as_deref().unwrap_or_default());
            release(&api, &sandbox).await?;
        }
    }
    if served::<ResourceInstance>(&cluster).await? {
        let records: Api<ResourceInstance> = Api::namespaced(cluster.client.clone(), &options.namespace);
        for record in records.list(&ListParams::default()).await? {
            release(&records, &record).await?;
        }
    }
    remove::<ValidatingAdmissionPolicyBinding>(&cluster, &options, shell).await?;
    remove::<ValidatingAdmissionPolicy>(&cluster, &options, shell).await?;
    remove::<ClusterRoleBinding>(&cluster, &options, shell).await?;
    remove::<ClusterRole>(&cluster, &options, shell).await?;
    remove::<PriorityClass>(&cluster, &options, shell).await?;
    remove::<CustomResourceDefinition>(&cluster, &options, shell).await?;
    shell.note("sandbind is removed");
    Ok(())
}

/// Whether the API server knows the kind.
async fn served<K>(cluster: &Cluster) -> Outcome<bool>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    match Api::<K>::all(cluster.client.clone()).list(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn refuse_while_alive(cluster: &Cluster, options: &Options, force: bool, shell: &Shell) -> Outcome {
    let records: Api<ResourceInstance> = Api::namespaced(cluster.client.clone(), &options.namespace);
    let alive: Vec<String> = records
        .list(&ListParams::default())
        .await?
        .items
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

/// Removes the objects of this kind that an installation has.
async fn remove<K>(cluster: &Cluster, options: &Options, shell: &Shell) -> Outcome
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let kind = K::kind(&());
    let api: Api<K> = Api::all(cluster.client.clone());
    for object in install::render(options).iter().rev().filter(|object| object["kind"] == *kind) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        match api.delete(name, &DeleteParams::default()).await {
            Ok(_) => shell.progress(&format!("removed {kind} {name}")),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The Deployments and all else of our namespaces; step namespaces only if nothing of others lives there is the admin's word.
async fn remove_programs(cluster: &Cluster, options: &Options, until: Instant, shell: &Shell) -> Outcome {
    use k8s_openapi::api::apps::v1::Deployment;
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), &options.namespace);
    for name in [install::RUNNER, install::WEBHOOK] {
        match deployments.delete(name, &DeleteParams::foreground()).await {
            Ok(_) => shell.progress(&format!("removed Deployment {name}")),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error.into()),
        }
    }
    for name in [install::RUNNER, install::WEBHOOK] {
        absent(&deployments, name, until).await?;
    }
    Ok(())
}

/// Lets the finalizers go and deletes.
async fn release<K>(api: &Api<K>, object: &K) -> Outcome
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let name = object.name_any();
    let patch = json!({"metadata": {"finalizers": null}});
    let gone = |error: kube::Error| match error {
        kube::Error::Api(status) if status.code == 404 => Ok(()),
        error => Err(Failure::from(error)),
    };
    if !object.finalizers().is_empty()
        && let Err(error) = api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await
    {
        gone(error)?;
    }
    if let Err(error) = api.delete(&name, &DeleteParams::default()).await {
        gone(error)?;
    }
    Ok(())
}

async fn absent<K>(api: &Api<K>, name: &str, until: Instant) -> Outcome
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    while api.get_opt(name).await?.is_some() {
        if Instant::now() >= until {
            return Err(Failure::late(name, "it is still there", "look at its finalizers"));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}
