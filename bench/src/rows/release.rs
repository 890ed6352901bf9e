//! How soon after SIGTERM a sidecar's goodbye reaches the runner: the real program, against a server that answers as the runner does.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::{Query, State},
    routing::{get, post},
};
use rustix::process::{Pid, Signal, kill_process};
use sandbind_kit::{
    serve::{Limits, serve},
    shutdown,
    tls::{Certificates, server_config},
};
use sandbind_wire::{
    message::{BindingsAnswer, BoundResource, PodBindings, PodResource},
    name,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

use super::Means;
use crate::{figure::median, row::Row};

const RUNS: usize = 20;
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server was asked.
enum Asked {
    /// For news: the sidecar holds its connection open from now on.
    News,
    /// The goodbye.
    Release(Instant),
}

/// The server, as a sidecar knows it.
struct Runner {
    address: SocketAddr,
    ca: String,
    asked: UnboundedReceiver<Asked>,
}

/// One sidecar after the other.
pub(crate) fn measure(means: &Means) -> anyhow::Result<Vec<Row>> {
    let program = means.programs.join("sandbind-binder-sidecar");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut times = runtime.block_on(async {
        let mut runner = Runner::start().await?;
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            times.push(runner.goodbye(&program).await?);
        }
        anyhow::Ok(times)
    })?;
    times.sort_by(f64::total_cmp);
    let (middle, longest) = (median(&times), times.last().copied().unwrap_or_default());
    Ok(vec![Row {
        what: "sidecar: SIGTERM → the runner has its release",
        figure: format!("{:.1} ms, longest {:.1} ms (of {RUNS})", middle * 1e3, longest * 1e3),
        goal: "≤ 2 s",
        met: Some(longest <= 2.0),
    }])
}

impl Runner {
    async fn start() -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let certificates = Certificates::new();
        certificates.replace(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (tell, asked) = unbounded_channel();
        let router = Router::new()
            .route("/v1/bindings", get(bindings))
            .route("/v1/pod/release", post(release))
            .with_state(Arc::new(tell));
        let tls = server_config(certificates)?;
        tokio::spawn(async move {
            let (_never, ending) = shutdown::channel();
            serve(listener, router, Some(tls), Limits::default(), ending).await;
        });
        Ok(Self { address, ca: made.cert.pem(), asked })
    }

    /// Starts a sidecar, ends it while it polls; answers the seconds until its release came.
    async fn goodbye(&mut self, program: &Path) -> anyhow::Result<f64> {
        let folder = tempfile::tempdir()?;
        let mut sidecar = self.sidecar(program, folder.path())?;
        while !matches!(self.next().await?, Asked::News) {}
        let begin = Instant::now();
        let pid = i32::try_from(sidecar.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::TERM)?;
        let came = loop {
            if let Asked::Release(at) = self.next().await? {
                break at;
            }
        };
        sidecar.wait()?;
        Ok(came.duration_since(begin).as_secs_f64())
    }

    async fn next(&mut self) -> anyhow::Result<Asked> {
        timeout(PATIENCE, self.asked.recv())
            .await
            .context("the sidecar asks for nothing")?
            .context("no server")
    }

    fn sidecar(&self, program: &Path, folder: &Path) -> anyhow::Result<Child> {
        let token = folder.join("token");
        std::fs::write(&token, "token")?;
        let resource = PodResource {
            name: "db".to_owned(),
            instance: "i".to_owned(),
            incarnation: "a".to_owned(),
            reservation: "r".to_owned(),
            gated: true,
            mounted: None,
            env_keys: vec!["make.url".to_owned()],
            folders: Vec::new(),
        };
        let bindings = PodBindings {
            resources: vec![resource],
            made_for: String::new(),
            notify: None,
            ready_seconds: 600,
        };
        let mut command = Command::new(program);
        command.arg("run").env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.env(name::ENV_RUNNER_URL, format!("https://{}", self.address));
        command.env(name::ENV_RUNNER_NAME, "localhost").env(name::ENV_RUNNER_CA, &self.ca);
        command.env(name::ENV_TOKEN_PATH, token).env(name::ENV_BINDINGS, serde_json::to_string(&bindings)?);
        command.env(name::ENV_STATE_DIR, folder.join("state"));
        command.spawn().with_context(|| format!("no {}; `cargo xtask image` makes it", program.display()))
    }
}

async fn bindings(
    State(tell): State<Arc<UnboundedSender<Asked>>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<BindingsAnswer> {
    if query.get("after").is_some_and(|known| known == "1") {
        let _over = tell.send(Asked::News);
        return std::future::pending().await;
    }
    let values = BTreeMap::from([("make.url".to_owned(), "db://1".into())]);
    let ready = BoundResource::Ready { revision: 1, values };
    Json(BindingsAnswer { revision: "1".to_owned(), resources: BTreeMap::from([("db".to_owned(), ready)]) })
}

async fn release(State(tell): State<Arc<UnboundedSender<Asked>>>) -> Json<Value> {
    let _over = tell.send(Asked::Release(Instant::now()));
    Json(json!({}))
}
