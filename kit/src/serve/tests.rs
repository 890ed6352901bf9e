use std::net::SocketAddr;

use axum::routing::{get, post};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::{
    shutdown::{self, Trigger},
    tls::{self, Certificates},
};

struct Running {
    address: SocketAddr,
    trigger: Trigger,
    server: JoinHandle<()>,
}

async fn start(router: Router, tls: Option<Arc<ServerConfig>>, limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = shutdown::channel();
    let server = tokio::spawn(serve(listener, router, tls, limits, shutdown));
    Running { address, trigger, server }
}

fn issue(certificates: &Certificates) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["server.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    certificates.replace(cert.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    CertificateDer::from_pem_slice(cert.pem().as_bytes()).unwrap()
}

async fn connect(address: SocketAddr, trusted: &CertificateDer<'static>) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("server.test").unwrap(), stream).await
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(stream).await
}

/// One answer with a Content-Length.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut seen = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap() == 0 {
            return String::from_utf8(seen).unwrap();
        }
        seen.push(byte[0]);
        let text = String::from_utf8_lossy(&seen);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return text.into_owned();
        }
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: server.test\r\n\r\n";

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_old_ones_live_on() {
    let certificates = Certificates::new();
    let config = tls::server_config(Arc::clone(&certificates)).unwrap();
    let running =
        start(Router::new().route("/", get(async || "hello")), Some(config), Limits::default()).await;

    let first = issue(&certificates);
    let mut old = connect(running.address, &first).await.unwrap();
    assert!(ask(&mut old, GET).await.ends_with("hello"));

    let second = issue(&certificates);
    assert!(connect(running.address, &first).await.is_err(), "the old certificate is not shown any more");
    let mut new = connect(running.address, &second).await.unwrap();
    assert!(ask(&mut new, GET).await.ends_with("hello"));
    assert!(ask(&mut old, GET).await.ends_with("hello"));
    assert_eq!(new.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn without_a_certificate_handshakes_fail_and_the_server_stays() {
    let certificates = Certificates::new();
    let config = tls::server_config(Arc::clone(&certificates)).unwrap();
    let running =
        start(Router::new().route("/", get(async || "hello")), Some(config), Limits::default()).await;
    let other = issue(&Certificates::new());
    assert!(connect(running.address, &other).await.is_err());
    let mine = issue(&certificates);
    let mut stream = connect(running.address, &mine).await.unwrap();
    assert!(ask(&mut stream, GET).await.ends_with("hello"));
}

#[tokio::test]
async fn the_end_lets_open_requests_be_answered_and_takes_no_new_ones() {
    let (entered, mut entries) = mpsc::channel::<()>(1);
    let (release, gate) = watch::channel(false);
    let slow = get(move || {
        let (entered, mut gate) = (entered.clone(), gate.clone());
        async move {
            entered.send(()).await.unwrap();
            gate.wait_for(|open| *open).await.unwrap();
            "late"
        }
    });
    let running = start(Router::new().route("/", slow), None, Limits::default()).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    let mut held = TcpStream::connect(running.address).await.unwrap();
    held.write_all(GET.as_bytes()).await.unwrap();
    entries.recv().await.unwrap();

    running.trigger.start();
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "idle connections are closed");
    release.send_replace(true);
    let text = answer(&mut held).await;
    assert!(text.ends_with("late") && text.contains("connection: close"), "{text}");
    running.server.await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn an_idle_connection_is_answered_once_more_after_the_end_was_asked_for() {
    let limits = Limits { farewell: Duration::from_secs(60), ..Limits::default() };
    let running = start(Router::new().route("/", get(async || "hello")), None, limits).await;
    let mut used = TcpStream::connect(running.address).await.unwrap();
    assert!(!ask(&mut used, GET).await.contains("connection: close"));

    running.trigger.start();
    assert!(
        timeout(Duration::from_millis(100), used.read_u8()).await.is_err(),
        "closed while it may be used"
    );
    let last = ask(&mut used, GET).await;
    assert!(last.ends_with("hello") && last.contains("connection: close"), "{last}");
    assert_eq!(used.read(&mut [0]).await.unwrap(), 0, "closed after its last answer");
    running.server.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_that_stays_unused_is_closed_after_the_farewell() {
    let limits = Limits { farewell: Duration::from_millis(50), ..Limits::default() };
    let running = start(Router::new().route("/", get(async || "hello")), None, limits).await;
    let mut unused = TcpStream::connect(running.address).await.unwrap();
    assert!(ask(&mut unused, GET).await.ends_with("hello"));
    running.trigger.start();
    assert_eq!(unused.read(&mut [0]).await.unwrap(), 0);
    running.server.await.unwrap();
}

#[tokio::test]
async fn the_end_waits_no_longer_than_the_grace_period() {
    let (entered, mut entries) = mpsc::channel::<()>(1);
    let never = get(move || {
        let entered = entered.clone();
        async move {
            entered.send(()).await.unwrap();
            std::future::pending::<&'static str>().await
        }
    });
    let limits = Limits { grace: Duration::from_millis(50), ..Limits::default() };
    let running = start(Router::new().route("/", never), None, limits).await;
    let mut held = TcpStream::connect(running.address).await.unwrap();
    held.write_all(GET.as_bytes()).await.unwrap();
    entries.recv().await.unwrap();
    running.trigger.start();
    running.server.await.unwrap();
    assert_eq!(held.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn bodies_beyond_the_limit_and_headers_that_never_end_are_refused() {
    let limits = Limits { body: 8, header: Duration::from_millis(50), ..Limits::default() };
    let echo = post(async |body: String| body);
    let running = start(Router::new().route("/", echo), None, limits).await;
    let post = |body: &str| {
        format!("POST / HTTP/1.1\r\nhost: server.test\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert!(ask(&mut stream, &post("12345678")).await.starts_with("HTTP/1.1 200"));
    assert!(ask(&mut stream, &post("123456789")).await.starts_with("HTTP/1.1 413"));

    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let running = start(Router::new().route("/", get(async || "hello")), None, limits).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    assert!(ask(&mut first, GET).await.ends_with("hello"));
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(GET.as_bytes()).await.unwrap();
    let waited = timeout(Duration::from_millis(100), second.read_u8()).await;
    assert!(waited.is_err(), "answered beside the first");
    drop(first);
    assert!(answer(&mut second).await.ends_with("hello"));
}
