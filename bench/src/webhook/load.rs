//! Admissions as the API server sends them: HTTPS, one request after the other on kept connections.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

use anyhow::Context as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use serde_json::json;

use super::server::Serving;

/// One kept connection.
pub(crate) struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

/// What a client trusts.
pub(crate) fn trust(serving: &Serving) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(serving.certificate.as_bytes())?)?;
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

impl Connection {
    /// With its handshake done.
    pub(crate) fn open(serving: &Serving, trust: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(serving.https)?;
        socket.set_nodelay(true)?;
        let client = ClientConnection::new(trust.clone(), ServerName::try_from("localhost")?)?;
        let mut stream = StreamOwned::new(client, socket);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024] })
    }

    /// Sends a request.
    pub(crate) fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request)?;
        Ok(self.stream.flush()?)
    }

    /// Whether the pod was allowed, from the next answer.
    pub(crate) fn allowed(&mut self) -> anyhow::Result<bool> {
        let mut filled = 0;
        loop {
            let rest = self.buffer.get_mut(filled..).context("an answer larger than expected")?;
            let read = self.stream.read(rest)?;
            anyhow::ensure!(read > 0, "the server closed the connection");
            filled += read;
            let text = self.buffer.get(..filled).unwrap_or_default();
            let Some(end) = find(text, b"\r\n\r\n") else { continue };
            let (header, body) = text.split_at(end + 4);
            let header = String::from_utf8_lossy(header).to_ascii_lowercase();
            let length = header.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.context("no content-length")?.trim().parse()?;
            if body.len() >= length {
                return Ok(find(body, b"\"allowed\":true").is_some());
            }
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// The review of a Deployment's pod after defaulting, as a whole HTTP request.
pub(crate) fn request(sandbox: &str) -> Vec<u8> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "generateName": "web-7d5b9c6f4d-", "namespace": "shop",
            "labels": {"app": "web", "pod-template-hash": "7d5b9c6f4d", "sandbind.dev/sandbox": sandbox},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d5b9c6f4d", "uid": "r",
                "controller": true, "blockOwnerDeletion": true}]},
        "spec": {
            "volumes": [{"name": "kube-api-access-x2x7k", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}}],
            "containers": [{
                "name": "app", "image": "registry.example/shop/web:1.42.0",
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "LOG", "value": "info"}, {"name": "REGION", "value": "north"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "volumeMounts": [{"name": "kube-api-access-x2x7k", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
                "livenessProbe": {"httpGet": {"path": "/live", "port": 8080, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent"}],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default", "serviceAccount": "default", "securityContext": {}, "schedulerName": "default-scheduler",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority"},
        "status": {}});
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop", "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "uid": "u",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]},
            "object": pod, "oldObject": null, "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}}});
    let body = review.to_string();
    let length = body.len();
    format!(
        "POST /mutate?timeout=15s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
