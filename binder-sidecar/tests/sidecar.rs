//! The sidecar's program, its probes and its files, against a real TLS server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../link/tests/support/runner.rs"]
#[allow(clippy::allow_attributes, dead_code, unreachable_pub, reason = "shared with other test programs")]
mod runner;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

use runner::{Reply, Request, Runner};
use rustix::process::{Pid, Signal};
use sandbind_wire::{
    Bytes64,
    conversation::GOODBYE,
    message::{BindingsAnswer, BoundResource, Folder, Notify, PodBindings, PodResource},
};
use tempfile::TempDir;

/// What the runner says of `db`, long-polled as the real one does.
#[derive(Clone, Default)]
struct Truth(Arc<(Mutex<Now>, Condvar)>);

/// Revision and state.
type Now = (u32, Option<BoundResource>);

impl Truth {
    fn set(&self, bound: BoundResource) {
        let mut truth = self.0.0.lock().unwrap();
        *truth = (truth.0 + 1, Some(bound));
        self.0.1.notify_all();
    }

    fn answer(&self, request: &Request) -> Reply {
        if request.line.starts_with("POST /v1/pod/release") {
            return (200, "{}".to_owned());
        }
        let after: u32 =
            request.line.split(['=', ' ']).nth(2).and_then(|after| after.parse().ok()).unwrap_or(0);
        let truth = self.0.1.wait_while(self.0.0.lock().unwrap(), |truth| truth.0 == after).unwrap();
        let resources = truth.1.iter().map(|bound| ("db".to_owned(), bound.clone())).collect();
        let answer = BindingsAnswer { revision: truth.0.to_string(), resources };
        (200, serde_json::to_string(&answer).unwrap())
    }
}

fn ready(revision: u64, url: &str) -> BoundResource {
    let values =
        BTreeMap::from([("p.url".to_owned(), Bytes64::from(url)), ("p.copy".to_owned(), Bytes64::from(url))]);
    BoundResource::Ready { revision, values }
}

fn waiting(line: &str) -> BoundResource {
    BoundResource::Waiting { line: line.to_owned() }
}

struct Pod {
    dir: TempDir,
    bindings: PodBindings,
    env: Vec<(&'static str, String)>,
}

impl Pod {
    fn new(gated: bool, env: impl FnOnce(&Path) -> Vec<(&'static str, String)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let resource = PodResource {
            name: "db".to_owned(),
            instance: "i".to_owned(),
            incarnation: "a".to_owned(),
            reservation: "r".to_owned(),
            gated,
            mounted: (!gated).then(|| at("bound")),
            env_keys: Vec::new(),
            folders: vec![Folder { dir: at("files/0"), items: Vec::new() }],
        };
        let bindings = PodBindings {
            resources: vec![resource],
            made_for: String::new(),
            notify: None,
            ready_seconds: 600,
        };
        let env = env(dir.path());
        Self { dir, bindings, env }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(
            std::env::var_os("SANDBIND_TEST_SIDECAR")
                .unwrap_or_else(|| env!("CARGO_BIN_EXE_sandbind-binder-sidecar").into()),
        );
        command.arg(verb).env_clear().envs(self.env.iter().cloned());
        command.env("SANDBIND_BINDINGS", serde_json::to_string(&self.bindings).unwrap());
        command.env("SANDBIND_STATE_DIR", self.dir.path().join("files/.state"));
        command.stdout(Stdio::piped());
        command
    }

    fn run(&self) -> Sidecar {
        let mut child = self.command("run").spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Sidecar { child, lines }
    }

    fn probe(&self, verb: &str) -> Output {
        self.command(verb).output().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("files/0").join(name)
    }

    /// What the kubelet makes of a mounted Secret.
    fn mount(&self, url: &str) {
        let set = self.dir.path().join("bound/..2026");
        fs::create_dir_all(&set).unwrap();
        fs::write(set.join("p.url"), url).unwrap();
        fs::write(set.join("p.copy"), url).unwrap();
        std::os::unix::fs::symlink("..2026", self.dir.path().join("bound/..data")).unwrap();
    }
}

struct Sidecar {
    child: Child,
    lines: Receiver<String>,
}

impl Sidecar {
    /// Waits for a line of the log that contains `part`.
    fn says(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv().unwrap_or_else(|_| panic!("ended without saying `{part}`"));
            if line.contains(part) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn runner(truth: &Truth) -> Runner {
    let truth = truth.clone();
    Runner::start(move |request| truth.answer(request))
}

#[test]
fn a_gated_pod_opens_on_the_runners_word_with_its_files_there() {
    let truth = Truth::default();
    truth.set(waiting("step provision, attempt 2, 14 s"));
    let runner = runner(&truth);
    let pod = Pod::new(true, |dir| runner.env(dir));
    let mut sidecar = pod.run();
    sidecar.says("db: step provision, attempt 2, 14 s");
    // The probe blocks, so the gate opens at once.
    let blocked = pod.command("probe").spawn().unwrap();
    truth.set(ready(1, "one"));
    let probed = blocked.wait_with_output().unwrap();
    assert!(probed.status.success(), "{probed:?}");
    assert_eq!(fs::read(pod.file("p.url")).unwrap(), b"one");
    assert!(probed.stdout.is_empty());
    assert_eq!(runner.next().token, "the-token");

    sidecar.signal(Signal::TERM);
    assert_eq!(runner.next_of("/v1/pod/release").line, "POST /v1/pod/release HTTP/1.1");
    assert!(sidecar.child.wait().unwrap().success());
}

#[test]
fn a_closed_gate_fails_the_probe_with_one_line() {
    let truth = Truth::default();
    truth.set(waiting("step provision, attempt 2, 14 s"));
    let runner = runner(&truth);
    let pod = Pod::new(true, |dir| runner.env(dir));
    let sidecar = pod.run();
    sidecar.says("db: step provision");
    let probed = pod.probe("probe");
    assert_eq!(probed.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&probed.stdout), "db: step provision, attempt 2, 14 s\n");
}

#[test]
fn a_pod_ready_at_admission_starts_without_runner_and_without_its_settings() {
    let pod = Pod::new(false, |_| Vec::new());
    pod.mount("mounted");
    let sidecar = pod.run();
    let started = pod.probe("started");
    assert!(started.status.success(), "{started:?}");
    assert_eq!(fs::read(pod.file("p.url")).unwrap(), b"mounted");
    sidecar.says("open");
}

#[test]
fn a_restarted_sidecar_does_not_close_the_gate_again() {
    let truth = Truth::default();
    truth.set(ready(1, "one"));
    let runner = runner(&truth);
    let mut pod = Pod::new(true, |dir| runner.env(dir));
    pod.run().says("open");
    pod.env.clear();
    let _again = pod.run();
    assert!(pod.probe("probe").status.success());
}

#[test]
fn a_refresh_swaps_the_files_and_then_tells_the_app() {
    let app = TcpListener::bind("127.0.0.1:0").unwrap();
    let truth = Truth::default();
    truth.set(ready(1, "one"));
    let runner = runner(&truth);
    let mut pod = Pod::new(false, |dir| runner.env(dir));
    pod.mount("one");
    let port = app.local_addr().unwrap().port();
    pod.bindings.notify = Some(Notify::Http { port, path: "/-/reload".to_owned() });
    let sidecar = pod.run();
    sidecar.says("open");
    truth.set(ready(2, "two"));
    let (mut stream, _) = app.accept().unwrap();
    // Told: the new files are already there.
    assert_eq!(fs::read(pod.file("p.url")).unwrap(), b"two");
    let mut head = [0u8; 15];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"POST /-/reload ");
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    drop(stream);
    let said = sidecar.says("the app was told");
    assert!(!said.contains("two"));
}

#[test]
fn a_gated_pod_gives_up_in_its_time_and_exits_with_the_line() {
    let truth = Truth::default();
    truth.set(BoundResource::Failed { line: "step provision failed with 1: no space".to_owned() });
    let runner = runner(&truth);
    let mut pod = Pod::new(true, |dir| runner.env(dir));
    pod.bindings.ready_seconds = 1;
    let mut sidecar = pod.run();
    assert!(sidecar.says("gave up").ends_with("db: step provision failed with 1: no space"));
    assert_eq!(sidecar.child.wait().unwrap().code(), Some(1));
}

#[test]
fn the_goodbye_does_not_wait_for_a_runner_that_hangs() {
    let runner = Runner::start(|_| {
        thread::park();
        (200, String::new())
    });
    let pod = Pod::new(false, |dir| runner.env(dir));
    pod.mount("one");
    let mut sidecar = pod.run();
    sidecar.says("open");
    runner.next_of("/v1/bindings");
    let told = std::time::Instant::now();
    sidecar.signal(Signal::TERM);
    runner.next_of("/v1/pod/release");
    assert!(sidecar.child.wait().unwrap().success());
    assert!(told.elapsed() < GOODBYE + Duration::from_millis(500), "{:?}", told.elapsed());
}

#[test]
fn an_unreachable_runner_is_named_in_the_line_and_nothing_secret_is() {
    let pod = Pod::new(true, |dir| {
        let token = dir.join("token");
        fs::write(&token, "token-canary").unwrap();
        let ca = Runner::start(|_| (0, String::new())).ca;
        vec![
            ("SANDBIND_RUNNER_URL", "https://127.0.0.1:1".to_owned()),
            ("SANDBIND_RUNNER_NAME", runner::NAME.to_owned()),
            ("SANDBIND_RUNNER_CA", ca),
            ("SANDBIND_TOKEN_PATH", token.display().to_string()),
        ]
    });
    let sidecar = pod.run();
    let line = sidecar.says("not reached");
    assert!(line.contains("db: waiting for the runner; the runner at 127.0.0.1:1 is not reached"), "{line}");
    assert!(!line.contains("canary"));
}

#[test]
fn an_idle_sidecar_is_small() {
    let truth = Truth::default();
    truth.set(ready(1, "one"));
    let runner = runner(&truth);
    let pod = Pod::new(true, |dir| runner.env(dir));
    let sidecar = pod.run();
    sidecar.says("open");
    for revision in 2u64..20 {
        runner.next_of(&format!("after={}", revision - 1));
        truth.set(ready(revision, &revision.to_string()));
    }
    runner.next_of("after=19");
    let status = fs::read_to_string(format!("/proc/{}/status", sidecar.child.id())).unwrap();
    let kib = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let (all, anonymous, threads) = (kib("VmRSS"), kib("RssAnon"), kib("Threads"));
    println!("sidecar: VmRSS {all} KiB, RssAnon {anonymous} KiB, {threads} threads");
    assert_eq!(threads, 2);
    assert!(anonymous <= 1536, "{anonymous} KiB");
}
