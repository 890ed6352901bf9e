//! The way to the API server: one client, a time limit on every call, and what its errors mean to a port.

use std::{fmt::Debug, future::Future, path::Path, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config, Error,
    api::{ListParams, Patch},
    config::{KubeConfigOptions, Kubeconfig},
    core::PartialObjectMeta,
};
use sandbind_engine::ports::{Answer, PortError};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// No single call takes longer; the API server itself ends requests after 34 s.
const CALL: Duration = Duration::from_secs(15);
/// Objects of one page of a listing.
pub(crate) const PAGE: u32 = 500;

/// Why there is no way to the API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a ServiceAccount.
    #[error("no usable configuration for a cluster")]
    Infer(#[source] kube::config::InferConfigError),
    /// The kubeconfig is unusable.
    #[error("the kubeconfig is not usable")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    /// The client could not be made from it.
    #[error("no client could be made from the configuration")]
    Client(#[source] Box<Error>),
}

/// A client by `kubeconfig`, or by what the environment offers: `KUBECONFIG`, `~/.kube/config`, the pod's ServiceAccount.
///
/// It does not repeat calls by itself: the engine does, with pauses of its own.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ConnectError> {
    match kubeconfig {
        Some(path) => of_kubeconfig(Kubeconfig::read_from(path).map_err(ConnectError::Kubeconfig)?).await,
        None => of_config(Config::infer().await.map_err(ConnectError::Infer)?),
    }
}

/// The same by a kubeconfig that was read already.
pub async fn of_kubeconfig(kubeconfig: Kubeconfig) -> Result<Client, ConnectError> {
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    of_config(config.map_err(ConnectError::Kubeconfig)?)
}

fn of_config(mut config: Config) -> Result<Client, ConnectError> {
    config.default_retry = false;
    Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))
}

/// A call with its time limit. `what` says what was asked, for people.
pub(crate) async fn call<T>(what: &str, future: impl Future<Output = Result<T, Error>>) -> Answer<T> {
    match tokio::time::timeout(CALL, future).await {
        Ok(answer) => answer.map_err(|error| port_error(what, error)),
        Err(elapsed) => Err(PortError::failed(format!("{what}: no answer in time"), elapsed)),
    }
}

/// As [`call`], with "not found" as `None`.
pub(crate) async fn call_opt<T>(
    what: &str,
    future: impl Future<Output = Result<T, Error>>,
) -> Answer<Option<T>> {
    call(what, async {
        match future.await {
            Ok(found) => Ok(Some(found)),
            Err(Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Every object, read with quorum in pages of one revision. A listing that breaks off is an error, never a short answer.
pub(crate) async fn list_all<K>(what: &str, api: &Api<K>, selector: Option<&str>) -> Answer<Vec<K>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut params = ListParams::default().limit(PAGE);
    if let Some(selector) = selector {
        params = params.labels(selector);
    }
    let mut objects = Vec::new();
    loop {
        let page = call(what, api.list(&params)).await?;
        objects.extend(page.items);
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params = params.continue_token(&token),
            _ => return Ok(objects),
        }
    }
}

/// As [`list_all`], metadata only.
pub(crate) async fn list_all_metadata<K>(what: &str, api: &Api<K>) -> Answer<Vec<PartialObjectMeta<K>>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut params = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let page = call(what, api.list_metadata(&params)).await?;
        objects.extend(page.items);
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params = params.continue_token(&token),
            _ => return Ok(objects),
        }
    }
}

/// What an error of the API server means. What does not parse is not quoted: it may be a Secret.
pub(crate) fn port_error(what: &str, error: Error) -> PortError {
    let what = what.to_owned();
    match error {
        Error::Api(status) => match (status.code, status.reason.as_str()) {
            (409, "AlreadyExists") => PortError::Exists { what },
            (409, _) => PortError::Conflict { what },
            (400 | 403 | 404 | 405 | 413 | 422, _) => {
                PortError::Refused { what, reason: status.message.clone() }
            }
            _ => PortError::Failed { what, source: Box::new(Error::Api(status)) },
        },
        Error::SerdeError(_) => {
            PortError::Failed { what, source: "the answer has an unexpected form".to_owned().into() }
        }
        other => PortError::Failed { what, source: Box::new(other) },
    }
}

/// JSON patch operations, as the client wants them.
pub(crate) fn json_patch(operations: Value) -> Answer<Patch<()>> {
    serde_json::from_value(operations)
        .map(Patch::Json)
        .map_err(|error| PortError::failed("a patch could not be written", error))
}

/// The UID of a namespace, read with quorum. None: there is no such namespace.
pub(crate) async fn namespace_uid(client: &Client, name: &str) -> Answer<Option<String>> {
    let api: Api<Namespace> = Api::all(client.clone());
    let found = call_opt(&format!("reading Namespace {name}"), api.get_metadata(name)).await?;
    Ok(found.and_then(|namespace| namespace.metadata.uid))
}
