//! Connections to the runner as sidecars hold them: one poll after the other, each open until there is news.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::Api;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use sandbind_wire::{message::BindingsAnswer, name};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::population::Held;
use crate::bed::Bed;

/// Handshakes at once.
const AT_ONCE: usize = 16;

/// The way to the runner.
pub(crate) struct Poller {
    address: SocketAddr,
    connector: TlsConnector,
    server: ServerName<'static>,
    open: AtomicUsize,
}

/// One sidecar's connection.
struct Connection {
    stream: TlsStream<TcpStream>,
    token: String,
}

impl Poller {
    /// By the runner's Service and the CA that its clients trust.
    pub(crate) async fn new(bed: &Bed) -> anyhow::Result<Self> {
        let services: Api<Service> = Api::namespaced(bed.client(), name::SYSTEM_NAMESPACE);
        let service = services.get(name::RUNNER_SERVICE).await?;
        let address = service.spec.and_then(|spec| spec.cluster_ip).context("the Service has no address")?;
        let secrets: Api<Secret> = Api::namespaced(bed.client(), name::SYSTEM_NAMESPACE);
        let mut data = secrets.get(name::TLS_SECRET).await?.data.unwrap_or_default();
        let bundle = data.remove("ca.crt").context("no CA bundle")?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&bundle.0) {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self {
            address: SocketAddr::new(address.parse()?, name::RUNNER_PORT),
            connector: TlsConnector::from(Arc::new(config)),
            server: ServerName::try_from(name::runner_dns_name(name::SYSTEM_NAMESPACE))?,
            open: AtomicUsize::new(0),
        })
    }

    /// Polls that wait for news now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// One for each pod; they poll until they are shut down.
    pub(crate) async fn all(self: &Arc<Self>, pods: &[Held]) -> anyhow::Result<JoinSet<()>> {
        let connected = stream::iter(pods).map(async |held| {
            let mut connection = self.connect(held).await?;
            let answer = connection.poll(None).await.with_context(|| format!("pod {}", held.pod))?;
            anyhow::Ok((connection, answer))
        });
        let connected: Vec<_> = connected.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut polls = JoinSet::new();
        for (connection, answer) in connected {
            polls.spawn(Arc::clone(self).poll(connection, answer));
        }
        Ok(polls)
    }

    async fn connect(&self, held: &Held) -> anyhow::Result<Connection> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let stream = self.connector.connect(self.server.clone(), socket).await?;
        Ok(Connection { stream, token: held.token.clone() })
    }

    /// A connection that breaks is missing among the open ones, and the measurement says so.
    async fn poll(self: Arc<Self>, mut connection: Connection, mut known: BindingsAnswer) {
        loop {
            self.open.fetch_add(1, Relaxed);
            let answer = connection.poll(Some(&known.revision)).await;
            self.open.fetch_sub(1, Relaxed);
            match answer {
                Ok(answer) => known = answer,
                Err(_) => return,
            }
        }
    }
}

impl Connection {
    async fn poll(&mut self, after: Option<&str>) -> anyhow::Result<BindingsAnswer> {
        let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
        let request = format!(
            "GET /v1/bindings{query} HTTP/1.1\r\nHost: runner\r\nAuthorization: Bearer {}\r\n\r\n",
            self.token
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.stream.flush().await?;
        let mut text = Vec::new();
        loop {
            anyhow::ensure!(self.stream.read_buf(&mut text).await? > 0, "the runner closed the connection");
            let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let (header, body) = text.split_at(end + 4);
            let header = String::from_utf8_lossy(header).to_ascii_lowercase();
            let length = header.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.context("no content-length")?.trim().parse()?;
            if body.len() >= length {
                anyhow::ensure!(header.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(body));
                return Ok(serde_json::from_slice(body)?);
            }
        }
    }
}
