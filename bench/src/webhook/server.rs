//! The process that serves, and the hand that holds it.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use sandbind_engine::admission::Limits;
use sandbind_kit::shutdown;
use sandbind_webhook::{app::Settings, args::Listen, server::Server};

use super::world::{Store, world};

/// How the serving process is started.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder with `chain.pem` and `key.pem`
    #[arg(long)]
    tls: PathBuf,
    /// Address of HTTPS
    #[arg(long)]
    https: SocketAddr,
    /// Address of health and metrics
    #[arg(long)]
    health: SocketAddr,
    /// How long a write of the store takes, in microseconds
    #[arg(long)]
    latency: u64,
    /// So many reservations stay in a record
    #[arg(long)]
    kept: usize,
}

/// Serves until SIGTERM.
#[tokio::main]
pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let server = Server::default();
    let (chain, key) = (std::fs::read(args.tls.join("chain.pem"))?, std::fs::read(args.tls.join("key.pem"))?);
    server.certificates.replace(&chain, &key)?;
    let store = Store::new(Duration::from_micros(args.latency), args.kept);
    let world = Arc::new(world(store, server.metrics.clone())?);
    let settings = Settings {
        system_namespace: "sandbind-system".to_owned(),
        step_namespaces: vec!["sandbind-steps".to_owned()],
        limits: Limits::default(),
    };
    let listen = Listen { https: args.https, health: args.health };
    let served = shutdown::run(|shutdown| server.run(world, settings, listen, shutdown)).await?;
    Ok(served.map_or(Ok(()), |served| served)?)
}

/// A serving process; ends with this value.
pub(crate) struct Serving {
    child: Child,
    /// Where it answers.
    pub(crate) https: SocketAddr,
    health: SocketAddr,
    _tls: tempfile::TempDir,
    /// Its certificate, PEM.
    pub(crate) certificate: String,
}

impl Serving {
    /// Starts this very program as the server. The process uses the cores that this thread may use.
    pub(crate) fn start(latency: Duration, kept: usize) -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let tls = tempfile::tempdir()?;
        std::fs::write(tls.path().join("chain.pem"), made.cert.pem())?;
        std::fs::write(tls.path().join("key.pem"), made.signing_key.serialize_pem())?;
        let (https, health) = (free_address()?, free_address()?);
        let child =
            command(tls.path(), https, health, latency, kept)?.spawn().context("starting the server")?;
        let serving = Self { child, https, health, _tls: tls, certificate: made.cert.pem() };
        for _ in 0..100 {
            if TcpStream::connect(health).is_ok() && TcpStream::connect(https).is_ok() {
                return Ok(serving);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        anyhow::bail!("the server does not listen");
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        use std::io::Write as _;
        let mut stream = TcpStream::connect(self.health)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("no metric {name}"))?.trim().parse()?)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn command(
    tls: &Path,
    https: SocketAddr,
    health: SocketAddr,
    latency: Duration,
    kept: usize,
) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve-webhook").arg("--tls").arg(tls);
    command.args(["--https", &https.to_string(), "--health", &health.to_string()]);
    command.args(["--latency", &latency.as_micros().to_string(), "--kept", &kept.to_string()]);
    command.stdin(Stdio::null());
    Ok(command)
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
