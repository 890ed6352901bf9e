//! Listeners, certificates and the end of the program.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use prometheus_client::registry::Registry;
use sandbind_engine::admission::ports::Surroundings;
use sandbind_kit::{
    serve::{self, serve},
    shutdown::{self, Shutdown},
    telemetry::{self, Health, Part},
    tls::{self, Certificates, TlsError},
};
use tokio::{net::TcpListener, time::sleep};

use crate::{
    app::{self, App, LARGEST_BODY, Settings},
    args::Listen,
    metrics::Metrics,
};

/// Between two looks at whether the certificate still holds.
const LOOK: Duration = Duration::from_millis(500);

/// How long the API server may still use a connection that it keeps open, once the end was asked for: longer than it leaves one unused
/// under load, and with the pause before SIGTERM well within the pod's 30 s.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] TlsError),
}

/// What exists before the surroundings do: they count and tell here.
#[derive(Debug)]
pub struct Server {
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The certificate that is shown; whoever makes it puts it here.
    pub certificates: Arc<Certificates>,
    registry: Registry,
    health: Health,
    certificate: Part,
}

impl Default for Server {
    fn default() -> Self {
        let mut registry = Registry::default();
        let (certificates, health) = (Certificates::new(), Health::new());
        telemetry::register_certificate(&mut registry, Arc::clone(&certificates));
        let certificate = health.part("certificate");
        Self { metrics: Metrics::register(&mut registry), certificates, registry, health, certificate }
    }
}

impl Server {
    /// Something else that has to be there before this replica is ready.
    pub fn part(&self, name: &'static str) -> Part {
        self.health.part(name)
    }

    /// Answers until the shutdown; then whoever is held is answered at once, and open requests are finished.
    pub async fn run<W: Surroundings>(
        self,
        world: Arc<W>,
        settings: Settings,
        listen: Listen,
        shutdown: Shutdown,
    ) -> Result<(), ServerError> {
        let (https, health) = (bind(listen.https).await?, bind(listen.health).await?);
        let tls = tls::server_config(Arc::clone(&self.certificates)).map_err(ServerError::Tls)?;
        let app = App::new(world, self.metrics, settings);
        let limits = serve::Limits { body: LARGEST_BODY, farewell: FAREWELL, ..serve::Limits::default() };
        // Health is told until the last answer is out.
        let (over, until_over) = shutdown::channel();
        let health_router = telemetry::router(Arc::new(self.registry), self.health);
        let answering = async {
            serve(https, app::router(Arc::clone(&app)), Some(tls), limits, shutdown.clone()).await;
            over.start();
        };
        let draining = async {
            shutdown.started().await;
            app.drain();
        };
        let telling = serve(health, health_router, None, serve::Limits::default(), until_over.clone());
        let looking = look(&self.certificates, &self.certificate, until_over);
        tokio::join!(answering, draining, telling, looking);
        Ok(())
    }
}

/// Every address of both families, or of IPv4 alone where there is no other.
async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    let bound = match TcpListener::bind(address).await {
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    };
    bound.map_err(|source| ServerError::Listen { address, source })
}

/// Not ready without a certificate that holds.
async fn look(certificates: &Certificates, part: &Part, over: Shutdown) {
    while !over.is_started() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let holds = |end: i64| u64::try_from(end).is_ok_and(|end| end > now.as_secs());
        part.set(certificates.not_after().is_some_and(holds));
        tokio::select! {
            () = sleep(LOOK) => {}
            () = over.started() => return,
        }
    }
}
