//! The real webhook and the real routes of the plugin runner, on loopback, with certificates of a CA that is made for them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sandbind_core::{inject::Installation, inject::bindings_of};
use sandbind_engine::admission::Limits as AdmissionLimits;
use sandbind_kit::{
    serve::{Limits, serve},
    shutdown::{self, Trigger},
    tls::{Certificates, server_config},
};
use sandbind_link::{Client, Settings};
use sandbind_local::session::Session;
use sandbind_webhook::{app, server::Server};
use sandbind_wire::name::{STEP_NAMESPACE, SYSTEM_NAMESPACE, WEBHOOK_SERVICE, runner_dns_name};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::failed;
use crate::{
    exit::{Failure, Outcome},
    stack::NAMESPACE,
};

/// As an API server waits for this webhook.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Both servers.
pub(super) struct Servers {
    /// Address of the webhook.
    pub(super) webhook: String,
    /// Address of the runner.
    pub(super) runner: String,
    ca: String,
    token: PathBuf,
    end: Trigger,
    serving: JoinHandle<()>,
}

impl Servers {
    /// Starts them on ports that the system chooses.
    pub(super) async fn start(session: &Session, folder: &Path) -> Outcome<Self> {
        let names = [format!("{WEBHOOK_SERVICE}.{SYSTEM_NAMESPACE}.svc"), runner_dns_name(SYSTEM_NAMESPACE)];
        let (ca, certificates) = issue(names.to_vec())?;
        let tls = server_config(certificates).map_err(anyhow::Error::from)?;
        let (webhook, runner) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let address =
            |listener: &TcpListener| Ok::<_, Failure>(format!("https://{}", listener.local_addr()?));
        let (webhook_url, runner_url) = (address(&webhook)?, address(&runner)?);
        session.world.install(Installation {
            image: "localhost/sandbind:demo".to_owned(),
            runner_url: runner_url.clone(),
            runner_name: runner_dns_name(SYSTEM_NAMESPACE),
            runner_ca: ca.clone(),
            ..Installation::default()
        });
        let (end, until) = shutdown::channel();
        let settings = app::Settings {
            system_namespace: SYSTEM_NAMESPACE.to_owned(),
            step_namespaces: vec![STEP_NAMESPACE.to_owned()],
            limits: AdmissionLimits::default(),
        };
        let metrics = Arc::clone(&Server::default().metrics);
        let admissions = app::router(app::App::new(session.world.clone(), metrics, settings));
        let calls = sandbind_plugin_runner::api::router(session.world.clone(), session.desk(), until.clone());
        let limits = Limits { grace: Duration::from_secs(1), ..Limits::default() };
        let admitting = serve(webhook, admissions, Some(tls.clone()), limits, until.clone());
        let answering = serve(runner, calls, Some(tls), limits, until);
        let serving = tokio::spawn(async {
            tokio::join!(admitting, answering);
        });
        // The API server needs no token; the client that stands for it insists on a file.
        std::fs::create_dir_all(folder)?;
        let token = folder.join("api-server-token");
        std::fs::write(&token, "none")?;
        Ok(Self { webhook: webhook_url, runner: runner_url, ca, token, end, serving })
    }

    /// Asks the webhook as an API server does; answers the pod as it is admitted, and the number of operations of the patch.
    pub(super) async fn admit(&self, pod: &Value) -> Outcome<(Value, usize)> {
        let client = Client::new(Settings {
            url: self.webhook.clone(),
            name: format!("{WEBHOOK_SERVICE}.{SYSTEM_NAMESPACE}.svc"),
            ca: self.ca.clone(),
            token: self.token.clone(),
            dir: None,
        });
        let uid = sandbind_local::clock::id()?;
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": uid,
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "namespace": NAMESPACE,
                "operation": "CREATE",
                "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
                "object": pod,
                "oldObject": null,
                "dryRun": false,
            },
        });
        let path = format!("/mutate?timeout={}s", TIMEOUT.as_secs());
        let asked = tokio::task::spawn_blocking(move || client.post::<Value>(&path, &review, TIMEOUT)).await;
        let answer =
            asked.map_err(anyhow::Error::from)?.map_err(|error| failed("admission", &error.to_string()))?;
        let response = answer.get("response").cloned().unwrap_or_default();
        let told = |field: &str| response.get(field).and_then(Value::as_str).unwrap_or_default();
        if told("uid") != uid || response.get("allowed") != Some(&Value::Bool(true)) {
            let message = response.pointer("/status/message").and_then(Value::as_str);
            return Err(failed("admission", message.unwrap_or("the answer is no admission")));
        }
        let patch = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, told("patch"));
        let patch: json_patch::Patch = serde_json::from_slice(&patch.map_err(anyhow::Error::from)?)?;
        let mut admitted = pod.clone();
        json_patch::patch(&mut admitted, &patch).map_err(anyhow::Error::from)?;
        if bindings_of(&admitted).is_none() {
            return Err(failed("admission", "the pod carries no sidecar"));
        }
        Ok((admitted, patch.0.len()))
    }

    /// Ends both.
    pub(super) async fn stop(self) {
        self.end.start();
        let _ended = self.serving.await;
    }
}

/// A CA's certificate, and a leaf for these names as servers show it.
fn issue(names: Vec<String>) -> Outcome<(String, Arc<Certificates>)> {
    let made = || -> anyhow::Result<_> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(names)?.signed_by(&key, &authority)?;
        let certificates = Certificates::new();
        certificates.replace(leaf.pem().as_bytes(), key.serialize_pem().as_bytes())?;
        Ok((authority.pem(), certificates))
    };
    Ok(made()?)
}
