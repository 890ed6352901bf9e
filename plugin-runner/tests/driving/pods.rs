//! Pods as their kubelet knows them: what there is, and their tokens.

use std::{fs, path::PathBuf, sync::Arc};

use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};
use sandbind_link::{Client, LinkError, Settings};
use sandbind_wire::name;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    LONG,
    bed::{Bed, eventually},
};

/// Names of the step pods there are.
pub(crate) async fn step_pods(bed: &Bed) -> Vec<(String, String)> {
    let api: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.system);
    let ours = ListParams::default().labels(&format!("app.kubernetes.io/managed-by={}", name::MANAGED_BY));
    let pods = api.list(&ours).await.unwrap();
    pods.items.iter().map(|pod| (pod.name_any(), pod.labels()[name::LABEL_STEP].clone())).collect()
}

/// Waits for the pod of a step; answers its name.
pub(crate) async fn step_pod(bed: &Bed, step: &str) -> String {
    eventually(&format!("a pod of step {step}"), || async {
        step_pods(bed).await.iter().any(|(_, label)| label == step)
    })
    .await;
    step_pods(bed).await.into_iter().find(|(_, label)| label == step).unwrap().0
}

/// Deletes a tenant's pod at once; no node ever ran it.
pub(crate) async fn delete(bed: &Bed, pod: &str) {
    let api: Api<Pod> = Api::namespaced(bed.client.clone(), &bed.shop);
    api.delete(pod, &DeleteParams::default().grace_period(0)).await.unwrap();
}

/// A program in a pod, on its way to the runner.
pub(crate) struct Bearer {
    folder: tempfile::TempDir,
    settings: Settings,
    client: Arc<Client>,
}

impl Bearer {
    /// Of this pod, with the token its kubelet would give it.
    pub(crate) async fn of(bed: &Bed, ca: &str, port: u16, namespace: &str, pod: &str) -> Self {
        let pods: Api<Pod> = Api::namespaced(bed.client.clone(), namespace);
        let uid = pods.get(pod).await.unwrap().uid();
        let spec = TokenRequestSpec {
            audiences: vec![name::AUDIENCE.to_owned()],
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".into()),
                kind: Some("Pod".into()),
                name: Some(pod.to_owned()),
                uid,
            }),
            expiration_seconds: Some(600),
        };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let accounts: Api<ServiceAccount> = Api::namespaced(bed.client.clone(), namespace);
        let answer =
            accounts.create_token_request("default", &PostParams::default(), &request).await.unwrap();
        let settings = Settings {
            url: format!("https://127.0.0.1:{port}"),
            name: name::runner_dns_name(&bed.system),
            ca: ca.to_owned(),
            token: PathBuf::new(),
            dir: None,
        };
        Self::carrying(settings, &answer.status.unwrap().token)
    }

    /// The same with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self::carrying(self.settings.clone(), token)
    }

    fn carrying(settings: Settings, token: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, token).unwrap();
        let settings = Settings { token: path, ..settings };
        Self { folder, client: Arc::new(Client::new(settings.clone())), settings }
    }

    pub(crate) async fn post<A, B>(&self, path: &'static str, body: B) -> Result<A, LinkError>
    where
        A: DeserializeOwned + Send + 'static,
        B: Serialize + Send + 'static,
    {
        let client = self.client.clone();
        tokio::task::spawn_blocking(move || client.post(path, &body, LONG)).await.unwrap()
    }

    pub(crate) async fn get<A: DeserializeOwned + Send + 'static>(&self, path: &str) -> Result<A, LinkError> {
        let (client, path) = (self.client.clone(), path.to_owned());
        tokio::task::spawn_blocking(move || client.get(&path, LONG)).await.unwrap()
    }
}
