//! Requests to the runner.

use std::{
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{ProtocolVersion, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use sandbind_wire::message::Refusal;
use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Agent, Body, RequestBuilder,
    config::Config,
    http::{Response, Uri},
    tls::{Certificate, RootCerts, TlsConfig},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use crate::endpoint::{Endpoint, Settings};

/// How long connecting may take, TLS included.
pub const CONNECT: Duration = Duration::from_secs(5);
/// How long an ordinary request may take.
pub const REQUEST: Duration = Duration::from_secs(30);
/// How long a long poll may take: longer than the runner holds one.
pub const LONG_POLL: Duration = Duration::from_secs(330);

/// No answer is larger.
const ANSWER_LIMIT: u64 = 4 << 20;
/// Buffer of a connection in each direction.
const BUFFER: usize = 16 << 10;

/// Why a request brought no answer. Holds no secret: neither token nor body.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The pod's settings are wrong; trying again helps only after the ConfigMap changed.
    #[error("the way to the runner is not known: {reason}")]
    Settings {
        /// What is wrong.
        reason: String,
    },
    /// The token could not be read.
    #[error("the token in `{}` cannot be read", path.display())]
    Token {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No connection, a broken one, a wrong certificate, or no answer in time.
    #[error("the runner at {address} is not reached: {reason}")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// The runner said no.
    #[error("the runner refused ({status} {code}): {reason}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code, empty when the answer had none.
        code: String,
        /// One sentence.
        reason: String,
    },
    /// The answer (or the question) is not what it should be.
    #[error("the runner's answer is not understood: {reason}")]
    Garbled {
        /// Why, without content.
        reason: String,
    },
}

/// A client of the runner. May be used by several threads at once; connections are kept.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    current: Mutex<Option<(Endpoint, Agent)>>,
    /// Where the runner was not reached last.
    unreached: Mutex<Option<Endpoint>>,
}

impl Client {
    /// A client; connects only with the first request.
    pub fn new(settings: Settings) -> Self {
        Self { settings, current: Mutex::default(), unreached: Mutex::default() }
    }

    /// `POST path` with JSON, answered by JSON, within `timeout` in all.
    pub fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, LinkError> {
        let (endpoint, agent) = self.agent()?;
        let body =
            serde_json::to_vec(body).map_err(|_| LinkError::Garbled { reason: "not JSON".to_owned() })?;
        let request = self.request(agent.post(url(&endpoint, path)), timeout)?;
        self.noted(
            &endpoint,
            answer(&endpoint, request.content_type("application/json").send(body.as_slice())),
        )
    }

    /// `GET path`, answered by JSON, within `timeout` in all. `path` may have a query.
    pub fn get<A: DeserializeOwned>(&self, path: &str, timeout: Duration) -> Result<A, LinkError> {
        let (endpoint, agent) = self.agent()?;
        let request = self.request(agent.get(url(&endpoint, path)), timeout)?;
        self.noted(&endpoint, answer(&endpoint, request.call()))
    }

    /// The agent for the runner as of now; a new one when address, name or CAs changed.
    fn agent(&self) -> Result<(Endpoint, Agent), LinkError> {
        let now = self.endpoint()?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((endpoint, agent)) = current.as_ref()
            && *endpoint == now
        {
            return Ok((now, agent.clone()));
        }
        let agent = connect(&now)?;
        *current = Some((now.clone(), agent.clone()));
        Ok((now, agent))
    }

    /// The runner as the folder has it; as the pod was told at its creation after it was not reached that way: a ConfigMap may be older
    /// than the pod. The two take turns until one is reached.
    fn endpoint(&self) -> Result<Endpoint, LinkError> {
        let fresh = self.settings.endpoint()?;
        let unreached = self.unreached.lock().unwrap_or_else(PoisonError::into_inner);
        if unreached.as_ref() == Some(&fresh) { self.settings.at_creation() } else { Ok(fresh) }
    }

    fn noted<A>(&self, endpoint: &Endpoint, answer: Result<A, LinkError>) -> Result<A, LinkError> {
        if let Err(LinkError::Unreachable { .. }) = &answer {
            *self.unreached.lock().unwrap_or_else(PoisonError::into_inner) = Some(endpoint.clone());
        }
        answer
    }

    /// Adds the token as of now and the time.
    fn request<T>(
        &self,
        request: RequestBuilder<T>,
        timeout: Duration,
    ) -> Result<RequestBuilder<T>, LinkError> {
        let path = &self.settings.token;
        let token =
            fs::read_to_string(path).map_err(|source| LinkError::Token { path: path.clone(), source })?;
        let request = request.header("authorization", format!("Bearer {}", token.trim()));
        Ok(request.config().timeout_global(Some(timeout)).build())
    }
}

/// The name stands in the URL, so that the certificate is verified against it; [`Fixed`] finds the address.
fn url(endpoint: &Endpoint, path: &str) -> String {
    format!("https://{}:{}{path}", endpoint.name, endpoint.address.port())
}

fn connect(endpoint: &Endpoint) -> Result<Agent, LinkError> {
    let broken = |_| LinkError::Settings { reason: "the CA bundle is not PEM".to_owned() };
    let cas: Vec<Certificate<'static>> = CertificateDer::pem_slice_iter(endpoint.ca.as_bytes())
        .map(|ca| ca.map(|ca| Certificate::from_der(&ca).to_owned()))
        .collect::<Result<_, _>>()
        .map_err(broken)?;
    if cas.is_empty() {
        return Err(LinkError::Settings { reason: "the CA bundle is empty".to_owned() });
    }
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&cas))
        .unversioned_rustls_crypto_provider(Arc::new(only_tls13()))
        .build();
    let config = Config::builder()
        .tls_config(tls)
        .https_only(true)
        .http_status_as_error(false)
        .max_redirects(0)
        // Never by way of a proxy that the app's environment names.
        .proxy(None)
        .timeout_connect(Some(CONNECT))
        .user_agent("sandbind")
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .max_idle_connections(1)
        .max_idle_connections_per_host(1)
        .build();
    Ok(Agent::with_parts(config, DefaultConnector::default(), Fixed(endpoint.address)))
}

/// Without suites of TLS 1.2 the client does not offer it.
fn only_tls13() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.version().version == ProtocolVersion::TLSv1_3);
    provider
}

fn answer<A: DeserializeOwned>(
    endpoint: &Endpoint,
    response: Result<Response<Body>, ureq::Error>,
) -> Result<A, LinkError> {
    let unreachable =
        |e: ureq::Error| LinkError::Unreachable { address: endpoint.address, reason: reason(&e) };
    let mut response = response.map_err(unreachable)?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(ANSWER_LIMIT).read_to_vec().map_err(unreachable)?;
    if !status.is_success() {
        let refusal = serde_json::from_slice(&body).unwrap_or_else(|_| Refusal {
            code: String::new(),
            reason: "the answer gives no reason".to_owned(),
        });
        return Err(LinkError::Refused {
            status: status.as_u16(),
            code: refusal.code,
            reason: refusal.reason,
        });
    }
    // The position alone: serde's own words may quote a value.
    serde_json::from_slice(&body).map_err(|e| LinkError::Garbled {
        reason: format!("line {} column {} of {} bytes", e.line(), e.column(), body.len()),
    })
}

fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        other => other.to_string(),
    }
}

/// Knows one address for every name: no DNS.
#[derive(Debug)]
struct Fixed(SocketAddr);

impl Resolver for Fixed {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        found.push(self.0);
        Ok(found)
    }
}
