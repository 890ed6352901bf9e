//! Another team's mutating webhook, on this machine: it runs after ours and changes the pod that ours has bound.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
};

use axum::{Json, Router, routing::post};
use base64::Engine as _;
use sandbind_kit::{
    serve::{Limits, serve},
    shutdown::{self, Trigger},
    tls::{Certificates, server_config},
};
use serde_json::{Value, json};

use super::{Namespace, apply, try_kubectl};

/// Adds an init container `later` to each labelled pod of one namespace, unless it is there.
pub struct SecondWebhook {
    name: String,
    seen: Arc<Mutex<Vec<Value>>>,
    stop: Trigger,
    server: Option<thread::JoinHandle<()>>,
}

impl SecondWebhook {
    /// Serves, and registers itself for a namespace; its name sorts after ours, so it is called after ours.
    pub fn serve_for(shop: &Namespace) -> Self {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (chain, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
        let (stop, stopped) = shutdown::channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let (tell, told) = std::sync::mpsc::channel();
        let (shown, private) = (chain.clone(), key);
        let server = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let certificates = Certificates::new();
                certificates.replace(shown.as_bytes(), private.as_bytes()).unwrap();
                let answer = move |Json(review): Json<Value>| {
                    let answer = answer(&review);
                    kept.lock().unwrap().push(review["request"]["object"].clone());
                    async { Json(answer) }
                };
                let router = Router::new().route("/mutate", post(answer));
                let tls = server_config(certificates).unwrap();
                serve(listener, router, Some(tls), Limits::default(), stopped).await;
            });
        });
        let address: SocketAddr = told.recv().unwrap();
        let name = format!("zz-second-{}", shop.name);
        apply(&configuration(&name, &shop.name, address, &chain));
        Self { name, seen, stop, server: Some(server) }
    }

    /// Name of the webhook within its configuration.
    pub const WEBHOOK: &'static str = "second.example.dev";

    /// The pods it was asked about, as they came to it.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for SecondWebhook {
    fn drop(&mut self) {
        let _ = try_kubectl(&["delete", "mutatingwebhookconfiguration", &self.name, "--ignore-not-found"]);
        self.stop.start();
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

fn configuration(name: &str, namespace: &str, address: SocketAddr, chain: &str) -> String {
    let bundle = base64::engine::general_purpose::STANDARD.encode(chain);
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": SecondWebhook::WEBHOOK,
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": format!("https://{address}/mutate"), "caBundle": bundle},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "objectSelector": {"matchExpressions": [{"key": "sandbind.dev/sandbox", "operator": "Exists"}]},
            "sideEffects": "None",
            "failurePolicy": "Fail",
        }],
    })
    .to_string()
}

fn answer(review: &Value) -> Value {
    let request = &review["request"];
    let list = request["object"]["spec"]["initContainers"].as_array();
    let there = list.into_iter().flatten().any(|container| container["name"] == "later");
    let mut response = json!({"uid": request["uid"], "allowed": true});
    if !there {
        let container = json!({"name": "later", "image": "localhost/test:1", "command": ["sh", "-c", "test -n \"$DB_URL\""]});
        let add = if list.is_some() {
            json!({"op": "add", "path": "/spec/initContainers/-", "value": container})
        } else {
            json!({"op": "add", "path": "/spec/initContainers", "value": [container]})
        };
        let patch = base64::engine::general_purpose::STANDARD.encode(json!([add]).to_string());
        response["patchType"] = "JSONPatch".into();
        response["patch"] = patch.into();
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}
