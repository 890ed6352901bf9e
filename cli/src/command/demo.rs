//! `sandbind demo`: the main job on this machine, with the real webhook, engine and sidecar. What stands for a cluster is only the
//! store of the records, the kubelet's part of starting a pod, and processes in the place of step pods.

mod app;
mod pod;
mod servers;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sandbind_core::{
    api::{
        ResourceBinding, Span,
        binding::{HttpNotify, OnRefresh},
        instance::Phase,
    },
    lifecycle::{observed::Timers, record::Record, snapshot::Params},
    problem::Problem,
};
use sandbind_engine::ports::World as _;
use sandbind_local::{
    Stack,
    runs::{Meta, Run, Runs},
    session::{Options, Session},
};
use tokio::time::timeout;

use crate::{
    command::run::{Signals, signaled},
    exit::{Exit, Failure, Outcome},
    output::Shell,
    stack::{self, store_failure},
};
use app::App;
use pod::{Kubelet, masked};
use servers::Servers;

/// The stack that is played: the example's.
const STACK: &str = include_str!("../../../examples/stack.yaml");
/// The sandbox.
const SANDBOX: &str = "pr-142";
/// Whatever takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(8);
/// Where the plugin's folders lie: the "server" of the demo.
const ROOT: &str = "SANDBIND_FILES_ROOT";

/// Plays it. Done only if every stage was verified.
pub(crate) async fn run(shell: &Shell) -> Outcome {
    let mut story = Story { shell, began: Instant::now(), stages: 0 };
    let mut signals = Signals::listen()?;
    let app = App::start().await?;
    let runs = stack::runs().unwrap_or_else(|_| Runs::at(std::env::temp_dir().join("sandbind-runs")));
    let server = std::env::temp_dir().join(format!("sandbind-demo-{}", sandbind_local::clock::id()?));
    std::fs::create_dir_all(&server)?;
    let run = runs.create(meta(&app, &server)?).map_err(|error| store_failure(&error))?;
    let bind = Timers::default();
    let session = Session::begin(&run, Options { timers: bind, ..Options::default() });
    let session = session.map_err(|error| store_failure(&error))?;
    let demo = Demo { session: &session, run: &run, app: &app, server: &server };
    let played = tokio::select! {
        played = Box::pin(demo.play(&mut story)) => played,
        signal = signals.next() => {
            Err(Failure { exit: Exit::Code(signaled(signal)), problems: Vec::new() })
        }
    };
    if played.is_err() {
        clear_up(&session).await;
    }
    let nothing_left = session.records().is_empty();
    session.end().await;
    if nothing_left {
        run.finish()?;
        std::fs::remove_dir(&server)?;
    }
    if played.is_ok() {
        story.end();
    }
    played
}

/// The example's stack, with an app that wants to hear of refreshes and a resource that goes at once.
fn meta(app: &App, server: &Path) -> Outcome<Meta> {
    let parsed = stack::parse(STACK, "examples/stack.yaml")?;
    let mut binding: ResourceBinding = parsed.binding;
    binding.spec.linger = Some(Span::from_secs(0));
    binding.spec.on_refresh = Some(OnRefresh {
        http: Some(HttpNotify { port: app.port, path: Some(app::RELOAD.to_owned()) }),
        signal: None,
    });
    Ok(Meta {
        sandbox: SANDBOX.to_owned(),
        purpose: "demo".to_owned(),
        started: Timestamp::now(),
        stack: Stack { binding, ..parsed },
        env: Params([(ROOT.to_owned(), server.display().to_string())].into()),
        links: Vec::new(),
        enclosure: None,
    })
}

/// What the stages stand on.
struct Demo<'d> {
    session: &'d Session,
    run: &'d Run,
    app: &'d App,
    server: &'d Path,
}

impl Demo<'_> {
    async fn play(&self, story: &mut Story<'_>) -> Outcome {
        let world = &self.session.world;
        let servers = Servers::start(self.session, &self.run.files()).await?;
        story.stage(
            "webhook and plugin runner listen",
            &[format!("{} and {}, HTTPS with a CA of their own", servers.webhook, servers.runner)],
        );

        let sent = pod::labelled(stack::NAMESPACE, SANDBOX);
        let (admitted, patch) = servers.admit(&sent).await?;
        let record = self.only()?;
        let delivered = world.delivery().values(&record.spec.incarnation)?;
        verify(
            "admission",
            record.status.phase == Phase::Ready && !delivered.is_empty(),
            "the resource is not ready",
        )?;
        story.stage("a pod with the label `sandbind.dev/sandbox: pr-142` is created; the webhook holds it and makes the resource", &[
            format!("create step `folder` ran; {} of its outputs are delivered", delivered.len()),
            format!("the answer is a patch of {patch} operations: sidecar, env vars, files"),
        ]);

        let mut kubelet = Kubelet::new(&admitted, self.run, world)?;
        kubelet.start_sidecar(&servers, world).await?;
        story.stage(
            "the sidecar runs as a process, writes the files and opens the gate",
            &[format!("started with the pod's own token; files below {}", kubelet.shown_path)],
        );

        let seen = self.app.see(&kubelet).await?;
        let token = seen.env.get("FILES_TOKEN").cloned().unwrap_or_default();
        let kept = self.kept(&seen.env)?;
        verify(
            "app",
            !token.is_empty() && token == kept,
            "the app's env var is not what the resource holds",
        )?;
        verify("app", seen.file == token, "the app's file is not what its env var says")?;
        story.stage(
            "the app starts and sees",
            &[
                format!("FILES_PATH={}", seen.env.get("FILES_PATH").cloned().unwrap_or_default()),
                format!("FILES_TOKEN={}", masked(&token)),
                format!("{}/folder.token: {}", kubelet.shown_path, masked(&seen.file)),
            ],
        );

        let every = self.run.meta.stack.plugins.iter().find_map(|plugin| plugin.spec.refresh.as_ref());
        world.clock_ahead(every.map(|refresh| refresh.every.duration()).unwrap_or_default());
        self.session.wake();
        within("refresh", self.app.told()).await?;
        let again = self.app.see(&kubelet).await?;
        let fresh = self.kept(&again.env)?;
        verify("refresh", again.file != token && again.file == fresh, "the file is not the new value")?;
        story.stage("an hour later the refresh step has rotated the token; the sidecar swapped the file and told the app", &[
            format!("{}/folder.token: {}", kubelet.shown_path, masked(&again.file)),
            format!("the app got POST {}", app::RELOAD),
        ]);

        kubelet.stop_sidecar().await?;
        world.users().leave(&kubelet.uid);
        within("removal", self.gone()).await?;
        story.stage(
            "the pod ends; nobody uses the resource any more, so the delete step runs",
            &["the sidecar said goodbye and ended with 0".to_owned()],
        );

        let left = self.left(&record, &kubelet)?;
        verify("nothing is left", left.is_empty(), &format!("there is still {}", left.join(", ")))?;
        story.stage("nothing is left: no record, no outputs, no folder of the resource, no process", &[]);
        servers.stop().await;
        Ok(())
    }

    fn only(&self) -> Outcome<Arc<Record>> {
        let mut records = self.session.records();
        match (records.pop(), records.is_empty()) {
            (Some(record), true) => Ok(record),
            _ => Err(failed("admission", "there is not exactly one record")),
        }
    }

    /// The token as the resource itself holds it.
    fn kept(&self, env: &std::collections::BTreeMap<String, String>) -> Outcome<String> {
        let folder = PathBuf::from(env.get("FILES_PATH").map(String::as_str).unwrap_or_default());
        verify("app", folder.starts_with(self.server), "the resource's folder is not where it should be")?;
        Ok(std::fs::read_to_string(folder.join("token"))?)
    }

    async fn gone(&self) {
        let mut changes = self.session.changes();
        while !self.session.records().is_empty() && changes.changed().await.is_ok() {}
    }

    /// Names of what should not be there any more.
    fn left(&self, record: &Record, kubelet: &Kubelet) -> Outcome<Vec<String>> {
        let mut left = Vec::new();
        left.extend(self.session.records().iter().map(|record| format!("record {}", record.name)));
        for entry in std::fs::read_dir(self.server)? {
            left.push(entry?.path().display().to_string());
        }
        let delivered = self.session.world.delivery().folder(&record.spec.incarnation);
        if std::fs::symlink_metadata(&delivered).is_ok() {
            left.push(delivered.display().to_string());
        }
        if kubelet.runs() {
            left.push("the sidecar's process".to_owned());
        }
        Ok(left)
    }
}

/// A failed demo leaves nothing either, if that can be helped.
async fn clear_up(session: &Session) {
    for record in session.records() {
        let bound = format!("pod-{}", record.spec.key.sandbox);
        session.world.users().leave(&bound);
        for reservation in &record.status.reservations {
            session.world.users().see(&reservation.id);
        }
    }
    session.wake();
    let mut changes = session.changes();
    let gone = async { while !session.records().is_empty() && changes.changed().await.is_ok() {} };
    let _left_for_gc = timeout(PATIENCE, gone).await;
}

/// Tells what happens, stage by stage.
struct Story<'s> {
    shell: &'s Shell,
    began: Instant,
    stages: usize,
}

impl Story<'_> {
    fn stage(&mut self, title: &str, details: &[String]) {
        self.stages += 1;
        self.shell.data(&format!("{}. {title}", self.stages));
        for detail in details {
            self.shell.data(&format!("     {detail}"));
        }
    }

    fn end(&self) {
        let seconds = self.began.elapsed().as_secs_f64();
        self.shell.data(&format!("all {} stages verified in {seconds:.1} s", self.stages));
    }
}

/// The answer, unless it takes too long.
async fn within<T>(stage: &str, answer: impl Future<Output = T>) -> Outcome<T> {
    timeout(PATIENCE, answer).await.map_err(|_| failed(stage, "it took too long"))
}

fn verify(stage: &str, holds: bool, otherwise: &str) -> Outcome {
    if holds { Ok(()) } else { Err(failed(stage, otherwise)) }
}

fn failed(stage: &str, reason: &str) -> Failure {
    Problem::error(
        "DemoFailed",
        format!("demo: {stage}"),
        reason,
        "run it again; `sandbind local gc` removes what may be left",
    )
    .into()
}
