//! Three API servers, one kubeconfig with the contexts `hub`, `east` and `west`, and the commands against them.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use sandbind_cluster::runner_identity::{CA_BUNDLE, RUNNER_CERTIFICATE, RUNNER_KEY};
use sandbind_wire::name::{self, SYSTEM_NAMESPACE};
use serde_json::{Value, json};

const CONTEXTS: [&str; 3] = ["hub", "east", "west"];
/// Longer than the longest pause of a runner that gets no answer from its hub.
const LONG: Duration = Duration::from_secs(150);
const PAUSE: Duration = Duration::from_millis(300);

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) struct Bed {
    pub(crate) folder: tempfile::TempDir,
    states: Vec<PathBuf>,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let states =
            std::env::var("SANDBIND_TEST_CONTROL_PLANES").expect("state folders of three control planes");
        let states: Vec<PathBuf> = states.split(',').map(PathBuf::from).collect();
        assert_eq!(states.len(), CONTEXTS.len(), "{states:?}");
        let bed = Self { folder: tempfile::tempdir().unwrap(), states };
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for (context, state) in CONTEXTS.iter().zip(&bed.states) {
            let mut view = Command::new("kubectl");
            view.args(["config", "view", "--raw", "--flatten", "-o", "json", "--kubeconfig"])
                .arg(state.join("kubeconfig"));
            let view: Value = serde_json::from_str(&run(view, "").stdout).unwrap();
            parts[0].push(json!({"name": context, "cluster": view["clusters"][0]["cluster"]}));
            parts[1].push(json!({"name": context, "user": view["users"][0]["user"]}));
            parts[2].push(json!({"name": context, "context": {"cluster": context, "user": context}}));
        }
        let [clusters, users, contexts] = parts;
        let config = json!({"apiVersion": "v1", "kind": "Config", "clusters": clusters, "users": users, "contexts": contexts,
            "current-context": "nothing"});
        fs::write(bed.kubeconfig(), config.to_string()).unwrap();
        bed
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    pub(crate) fn sandbind(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new("sandbind");
        command.args(arguments).env("KUBECONFIG", self.kubeconfig());
        run(command, "")
    }

    fn asked(&self, context: &str, arguments: &[&str], stdin: &str) -> Ended {
        let mut command = Command::new("kubectl");
        command.args(["--context", context]).args(arguments).env("KUBECONFIG", self.kubeconfig());
        run(command, stdin)
    }

    pub(crate) fn kubectl(&self, context: &str, arguments: &[&str]) -> String {
        let ended = self.asked(context, arguments, "");
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        ended.stdout
    }

    pub(crate) fn apply(&self, context: &str, object: &Value) {
        let ended = self.asked(
            context,
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            &object.to_string(),
        );
        assert_eq!(ended.code, 0, "{object}: {ended:?}");
    }

    pub(crate) fn publish(&self, context: &str, document: &str) {
        let file = self.folder.path().join("plugin.yaml");
        fs::write(&file, document).unwrap();
        let ended =
            self.sandbind(&["plugin", "apply", "--context", context, "-f", &file.display().to_string()]);
        assert_eq!(ended.code, 0, "{ended:?}");
    }

    /// Whether there is a ResourcePlugin of this name.
    pub(crate) fn has(&self, context: &str, object: &str) -> bool {
        !self
            .kubectl(context, &["get", "resourceplugin", object, "--ignore-not-found", "-o", "name"])
            .is_empty()
    }

    /// The plugin's first script.
    pub(crate) fn script(&self, context: &str, object: &str) -> String {
        self.kubectl(context, &["get", "resourceplugin", object, "-o", "jsonpath={.spec.create[0].script}"])
    }

    /// Names of the records.
    pub(crate) fn records(&self, context: &str) -> Vec<String> {
        let template = "jsonpath={.items[*].metadata.name}";
        let names =
            self.kubectl(context, &["-n", SYSTEM_NAMESPACE, "get", "resourceinstances", "-o", template]);
        names.split_whitespace().map(str::to_owned).collect()
    }

    /// Every object of an installation but the programs and the webhook, and the certificate that the webhook would have made.
    pub(crate) fn install(&self, context: &str) {
        let rendered = self.sandbind(&["install", "-o", "json"]);
        let mut list: Value = serde_json::from_str(&rendered.stdout).unwrap();
        list["items"].as_array_mut().unwrap().retain(|object| {
            let kind = object["kind"].as_str().unwrap();
            kind != "Deployment" && !kind.ends_with("WebhookConfiguration")
        });
        self.apply(context, &list);
        let data = certificates().map(|(key, value)| (key.to_owned(), Value::from(value)));
        let patch = json!({"stringData": serde_json::Map::from_iter(data)}).to_string();
        self.kubectl(
            context,
            &["-n", SYSTEM_NAMESPACE, "patch", "secret", name::TLS_SECRET, "--type=merge", "-p", &patch],
        );
    }

    /// A kubeconfig of the runner's own account.
    pub(crate) fn runner_kubeconfig(&self, context: &str) -> PathBuf {
        let account = ["-n", SYSTEM_NAMESPACE, "create", "token", name::RUNNER_SERVICE, "--duration=3h"];
        let token = self.kubectl(context, &account);
        let mut config: Value =
            serde_json::from_str(&fs::read_to_string(self.kubeconfig()).unwrap()).unwrap();
        config["users"] = json!([{"name": context, "user": {"token": token.trim()}}]);
        config["contexts"] = json!([{"name": context, "context": {"cluster": context, "user": context}}]);
        config["current-context"] = json!(context);
        let path = self.folder.path().join(format!("{context}.kubeconfig"));
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    pub(crate) fn stop_hub(&self) {
        assert!(self.testbed("down", &["--only", "apiserver"]), "the hub does not stop");
    }

    /// Again, it goes on with what is not up yet: a busy machine may need more than the script's patience.
    pub(crate) fn start_hub(&self) {
        assert!((0..3).any(|_| self.testbed("up", &["--control-plane-only"])), "the hub does not start");
    }

    fn testbed(&self, script: &str, arguments: &[&str]) -> bool {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed").join(script);
        let mut command = Command::new(script);
        command.args(arguments).arg("--state").arg(&self.states[0]);
        // What it starts lives on: it must not hold our pipes.
        command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().success()
    }

    /// Runs the command until what it shows fits.
    pub(crate) fn eventually(&self, what: &str, arguments: &[&str], fits: impl Fn(&str) -> bool) {
        let begin = Instant::now();
        loop {
            let ended = self.sandbind(arguments);
            if ended.code == 0 && fits(&ended.stdout) {
                eprintln!("{what}: after {:?}", begin.elapsed());
                return;
            }
            assert!(begin.elapsed() < LONG, "never: {what}: {arguments:?}: {ended:#?}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks until the answer is yes.
    pub(crate) fn until(&self, what: &str, ask: impl Fn() -> bool) {
        let begin = Instant::now();
        while !ask() {
            let seen = || {
                CONTEXTS.map(|context| self.sandbind(&["plugin", "list", "-A", "--context", context]).stdout)
            };
            assert!(begin.elapsed() < LONG, "never: {what}: {:#?}", seen());
            std::thread::sleep(PAUSE);
        }
        eprintln!("{what}: after {:?}", begin.elapsed());
    }
}

/// CA and leaf as the webhook program would make them.
fn certificates() -> [(&'static str, String); 3] {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name::runner_dns_name(SYSTEM_NAMESPACE)]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap().pem();
    [(CA_BUNDLE, ca), (RUNNER_CERTIFICATE, leaf), (RUNNER_KEY, leaf_key.serialize_pem())]
}

pub(crate) fn run(mut command: Command, stdin: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A process that does not read may be gone already.
    let _closed = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
