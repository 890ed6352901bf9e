//! The way to the cluster: kubeconfig, context and namespace as kubectl takes them.

use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
    core::{DynamicObject, GroupVersionKind},
    discovery::ApiResource,
    runtime::watcher,
};
use sandbind_engine::ports::chain;
use serde_json::Value;

use crate::{
    args::Global,
    exit::{Failure, Outcome},
};

/// A client and the namespace that commands act in.
#[derive(Clone)]
pub(crate) struct Cluster {
    /// The client.
    pub(crate) client: Client,
    /// `-n`, else the context's, else `default`.
    pub(crate) namespace: String,
    /// Namespace of the programs and the records.
    pub(crate) system: String,
}

/// Reads the kubeconfig (or the pod's own account) and makes a client. Asks nothing yet.
pub(crate) async fn connect(global: &Global) -> Outcome<Cluster> {
    let config = config(global).await?;
    let namespace = global.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config)?;
    Ok(Cluster { client, namespace, system: global.system_namespace.clone() })
}

/// What a client is made from.
pub(crate) async fn config(global: &Global) -> Outcome<Config> {
    let options = KubeConfigOptions { context: global.context.clone(), ..KubeConfigOptions::default() };
    Ok(match &global.kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| no_config(&error))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| no_config(&error))?
        }
        None if global.context.is_some() => {
            Config::from_kubeconfig(&options).await.map_err(|error| no_config(&error))?
        }
        None => Config::infer().await.map_err(|error| no_config(&error))?,
    })
}

fn no_config(error: &dyn std::error::Error) -> Failure {
    Failure::failed(
        "NoCluster",
        "kubeconfig",
        chain(error),
        "set KUBECONFIG, or give --kubeconfig FILE and --context NAME",
    )
}

/// What was not there need not be removed or changed.
pub(crate) fn unless_gone<T>(answer: Result<T, kube::Error>) -> Outcome {
    match answer {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The API of an object that is only known as data.
pub(crate) fn api_of(client: &Client, object: &Value) -> kube::Api<DynamicObject> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api_version = text("/apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("/kind")));
    match text("/metadata/namespace") {
        "" => kube::Api::all_with(client.clone(), &resource),
        namespace => kube::Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

/// `Kind namespace/name` of an object that is only known as data.
pub(crate) fn title(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match text("/metadata/namespace") {
        "" => format!("{} {}", text("/kind"), text("/metadata/name")),
        namespace => format!("{} {namespace}/{}", text("/kind"), text("/metadata/name")),
    }
}

/// The named object, each time it changes, from its state now on; `None` while it does not exist. A refusal of the API server
/// ends it, everything else is tried again.
pub(crate) fn follow<K>(
    api: kube::Api<K>,
    name: &str,
) -> impl Stream<Item = Outcome<Option<K>>> + Send + use<K>
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    watcher::watch_object(api, name).filter_map(|event| async move {
        match event {
            Ok(seen) => Some(Ok(seen)),
            Err(
                watcher::Error::InitialListFailed(error)
                | watcher::Error::WatchStartFailed(error)
                | watcher::Error::WatchFailed(error),
            ) if refused(&error) => Some(Err(error.into())),
            Err(_) => {
                tokio::time::sleep(RETRY).await;
                None
            }
        }
    })
}

/// Pause before a broken watch is opened again.
const RETRY: Duration = Duration::from_secs(1);

fn refused(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404 | 405))
}
