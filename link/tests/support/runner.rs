//! A runner for tests: HTTPS with a certificate of its own CA, on loopback, answering by a function.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// The name on the certificate. No DNS knows it.
pub const NAME: &str = "sandbind-plugin-runner.sandbind-system.svc";

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    pub token: String,
    pub body: String,
}

/// Status and body; status 0 closes the connection without an answer.
pub type Reply = (u16, String);

pub struct Runner {
    pub address: SocketAddr,
    pub ca: String,
    requests: Mutex<Receiver<Request>>,
}

impl Runner {
    /// Serves until the test process ends; `answer` may block, as a long poll does.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca_params = CertificateParams::new(Vec::new()).unwrap();
        ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca_params, ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![NAME.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, requests) = channel();
        let (config, answer) = (Arc::new(config), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, answer, seen) = (Arc::clone(&config), Arc::clone(&answer), seen.clone());
                thread::spawn(move || serve(stream, config, &*answer, &seen));
            }
        });
        Self { address, ca: ca.pem(), requests: Mutex::new(requests) }
    }

    /// Environment that leads a pod program here, with the token in `dir`.
    pub fn env(&self, dir: &Path) -> Vec<(&'static str, String)> {
        let token = dir.join("token");
        std::fs::write(&token, "the-token\n").unwrap();
        vec![
            ("SANDBIND_RUNNER_URL", format!("https://{}", self.address)),
            ("SANDBIND_RUNNER_NAME", NAME.to_owned()),
            ("SANDBIND_RUNNER_CA", self.ca.clone()),
            ("SANDBIND_TOKEN_PATH", token.display().to_string()),
        ]
    }

    /// The next request that came, waiting for it.
    pub fn next(&self) -> Request {
        self.requests.lock().unwrap().recv().unwrap()
    }

    /// The next request whose line contains `part`.
    pub fn next_of(&self, part: &str) -> Request {
        loop {
            let request = self.next();
            if request.line.contains(part) {
                return request;
            }
        }
    }
}

fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    answer: &(impl Fn(&Request) -> Reply + ?Sized),
    seen: &Sender<Request>,
) -> Option<()> {
    let connection = ServerConnection::new(config).ok()?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let (mut token, mut length) = (String::new(), 0);
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "authorization" => value.strip_prefix("Bearer ").unwrap_or_default().clone_into(&mut token),
                "content-length" => length = value.parse().ok()?,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let request = Request {
            line: line.trim().to_owned(),
            token,
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        seen.send(request.clone()).ok()?;
        let (status, body) = answer(&request);
        if status == 0 {
            return None;
        }
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.get_mut().write_all(format!("{head}{body}").as_bytes()).ok()?;
        stream.get_mut().flush().ok()?;
    }
}
