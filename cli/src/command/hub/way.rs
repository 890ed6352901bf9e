//! The Secret `sandbind-hub` of a member cluster.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use sandbind_wire::name::{HUB_ID, HUB_KUBECONFIG, HUB_MEMBER, HUB_SECRET};
use serde_json::{Value, json};

use crate::{
    client::Cluster,
    exit::{Failure, Outcome},
};

/// Its content. It holds a token, so it is never shown.
pub(super) struct Way {
    pub(super) kubeconfig: String,
    pub(super) member: String,
    /// The hub's id.
    pub(super) hub: String,
}

/// The Secrets of the system namespace.
pub(super) fn secrets(cluster: &Cluster) -> Api<Secret> {
    Api::namespaced(cluster.client.clone(), &cluster.system)
}

/// What the Secret says; none: the cluster has no hub.
pub(super) async fn read(cluster: &Cluster) -> Outcome<Option<Way>> {
    let Some(secret) = secrets(cluster).get_opt(HUB_SECRET).await? else { return Ok(None) };
    let data = secret.data.unwrap_or_default();
    let text = |key: &str| {
        data.get(key).map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default()
    };
    Ok(Some(Way { kubeconfig: text(HUB_KUBECONFIG), member: text(HUB_MEMBER), hub: text(HUB_ID) }))
}

/// As [`read`], where there must be one.
pub(super) async fn needed(cluster: &Cluster) -> Outcome<Way> {
    read(cluster).await?.ok_or_else(|| {
        Failure::failed(
            "NoHub",
            format!("Secret {}/{HUB_SECRET}", cluster.system),
            "this cluster is a member of no hub",
            "`sandbind hub join NAME --hub-context CONTEXT`",
        )
    })
}

/// The Secret as it is applied.
pub(super) fn object(cluster: &Cluster, way: &Way) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": HUB_SECRET,
            "namespace": cluster.system,
            "labels": {"app.kubernetes.io/name": "sandbind", "app.kubernetes.io/component": "hub"},
        },
        "type": "Opaque",
        "data": {
            HUB_KUBECONFIG: STANDARD.encode(&way.kubeconfig),
            HUB_MEMBER: STANDARD.encode(&way.member),
            HUB_ID: STANDARD.encode(&way.hub),
        },
    })
}

/// A kubeconfig that stands for itself. `authority`: PEM.
pub(super) fn kubeconfig(server: &str, authority: &[u8], token: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "hub",
        "contexts": [{"name": "hub", "context": {"cluster": "hub", "user": "member"}}],
        "clusters": [{"name": "hub", "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(authority)}}],
        "users": [{"name": "member", "user": {"token": token}}],
    });
    crate::output::yaml(&config)
}

#[cfg(test)]
mod tests {
    use sandbind_core::hub::kubeconfig::{read, server};

    #[test]
    fn the_kubeconfig_that_is_written_is_one_that_the_runner_takes() {
        let value = read(&super::kubeconfig("https://hub:6443", b"pem", "token")).unwrap();
        assert_eq!(server(&value), Some("https://hub:6443"));
    }
}
