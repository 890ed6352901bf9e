//! Server-side apply in the order of installation, with the waits between.

use std::time::{Duration, Instant};

use k8s_openapi::{
    api::apps::v1::Deployment,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::Value;

use super::probe::{self, Reach};
use crate::{
    client::{self, Cluster},
    exit::{Failure, Outcome},
    install::{Options, RUNNER, WEBHOOK},
    output::Shell,
};

/// The field manager of an installation: it owns everything but `caBundle` and the content of `sandbind-tls`.
const MANAGER: &str = "sandbind-install";
/// Between two looks at something that changes by itself.
const PAUSE: Duration = Duration::from_millis(500);

/// Applies everything and waits until the webhook answers.
pub(super) async fn run(
    cluster: &Cluster,
    options: &Options,
    objects: &[Value],
    timeout: Duration,
    shell: &Shell,
) -> Outcome {
    let until = Instant::now() + timeout;
    let (crds, rest): (Vec<&Value>, Vec<&Value>) =
        objects.iter().partition(|object| text(object, "/kind") == "CustomResourceDefinition");
    for object in &crds {
        apply(&cluster.client, object, shell).await?;
    }
    for object in &crds {
        established(&cluster.client, text(object, "/metadata/name"), until).await?;
    }
    for object in rest {
        apply(&cluster.client, object, shell).await?;
    }
    for program in [WEBHOOK, RUNNER] {
        shell.progress(&format!("waiting for Deployment {}/{program}", options.namespace));
        available(&cluster.client, &options.namespace, program, until).await?;
    }
    shell.progress("waiting for the webhook to answer the API server");
    answering(&cluster.client, until).await?;
    shell.note(&format!("sandbind is installed in {}", options.namespace));
    Ok(())
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// One server-side apply. Conflicts are ours: what an installation says, holds.
pub(crate) async fn apply(client: &Client, object: &Value, shell: &Shell) -> Outcome {
    let api = client::api_of(client, object);
    let params = PatchParams::apply(MANAGER).force();
    let name = text(object, "/metadata/name");
    api.patch(name, &params, &Patch::Apply(object)).await.map_err(|error| {
        let mut failure = Failure::from(error);
        failure.problems.iter_mut().for_each(|problem| problem.place = client::title(object));
        failure
    })?;
    shell.progress(&format!("applied {}", client::title(object)));
    Ok(())
}

/// Waits until the API server serves the kind.
pub(crate) async fn established(client: &Client, name: &str, until: Instant) -> Outcome {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    loop {
        let conditions = api.get(name).await?.status.and_then(|status| status.conditions).unwrap_or_default();
        if conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True") {
            return Ok(());
        }
        let reason = conditions
            .iter()
            .find(|condition| condition.status == "False")
            .and_then(|condition| condition.message.clone())
            .unwrap_or_else(|| "not served yet".to_owned());
        again(until, || {
            Failure::late(
                format!("CustomResourceDefinition {name}"),
                reason,
                "look at `kubectl describe crd`",
            )
        })
        .await?;
    }
}

/// Waits until all replicas of the newest template are available.
async fn available(client: &Client, namespace: &str, name: &str, until: Instant) -> Outcome {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    loop {
        let deployment = api.get(name).await?;
        let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let generation = deployment.metadata.generation;
        let status = deployment.status.unwrap_or_default();
        let current = status.observed_generation >= generation;
        let updated = status.updated_replicas.unwrap_or(0);
        let ready = status.available_replicas.unwrap_or(0);
        if current && updated >= wanted && ready >= wanted && status.replicas.unwrap_or(0) == wanted {
            return Ok(());
        }
        again(until, || {
            Failure::late(
                format!("Deployment {namespace}/{name}"),
                format!("{ready} of {wanted} replicas are available"),
                format!("look at `kubectl -n {namespace} describe pods` and `kubectl -n {namespace} logs deploy/{name}`"),
            )
        })
        .await?;
    }
}

/// Waits until a dry-run pod with the label gets an answer of the webhook, be it a denial.
async fn answering(client: &Client, until: Instant) -> Outcome {
    loop {
        let reason = match probe::labelled_pod(client).await? {
            Reach::Answered => return Ok(()),
            Reach::Unreachable(reason) => reason,
            Reach::Refused(reason) => probe::refused(&reason),
            Reach::Untouched => "the API server did not call it".to_owned(),
        };
        again(until, || {
            Failure::late("MutatingWebhookConfiguration sandbind", reason, "run `sandbind doctor`")
        })
        .await?;
    }
}

async fn again(until: Instant, late: impl FnOnce() -> Failure) -> Outcome {
    if Instant::now() >= until {
        return Err(late());
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}
