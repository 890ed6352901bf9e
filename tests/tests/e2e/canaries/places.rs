//! Everything that can be read outside Secret objects: the API, its store, logs, metrics, command lines.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::{Namespace, eventually, json, kubectl, try_kubectl};

/// Between two looks at what is there for moments only.
const LOOK: Duration = Duration::from_millis(200);

/// How long the cluster's own logs were when the test began.
pub struct Begin {
    logs: BTreeMap<PathBuf, u64>,
}

fn state() -> PathBuf {
    PathBuf::from(
        std::env::var_os("SANDBIND_TESTBED_STATE").expect("SANDBIND_TESTBED_STATE: the cluster's folder"),
    )
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

impl Begin {
    pub fn now() -> Self {
        let logs = files(&state().join("log")).into_iter();
        Self { logs: logs.filter_map(|path| Some((path.clone(), fs::metadata(&path).ok()?.len()))).collect() }
    }

    fn since(&self, path: &Path) -> String {
        let mut bytes = Vec::new();
        let Ok(mut file) = fs::File::open(path) else { return String::new() };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        // A log that was begun anew meanwhile is read from its front.
        let from = self.logs.get(path).copied().filter(|from| *from <= length).unwrap_or_default();
        if file.seek(SeekFrom::Start(from)).is_ok() {
            let _ = file.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Places and what is in them. What a person wrote into the binding of this namespace stays there, and is no finding.
pub fn all(begin: &Begin, shop: &Namespace) -> Vec<(String, String)> {
    let mut found = api(shop);
    found.extend(store(shop));
    found.extend(kept_logs());
    found.extend(pods(shop));
    for path in files(&state().join("log")) {
        let text = begin.since(&path);
        let text = if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("audit")) {
            text.lines().filter(|line| is_told(line, shop)).collect::<Vec<_>>().join("\n")
        } else {
            text
        };
        found.push((path.display().to_string(), text));
    }
    for path in files(&state().join("node-0/pod-logs")) {
        let text = fs::read(&path).unwrap_or_default();
        found.push((path.display().to_string(), String::from_utf8_lossy(&text).into_owned()));
    }
    found
}

/// Looks again and again at what is there for moments only: logs of step pods, command lines.
pub struct Watch {
    over: Arc<AtomicBool>,
    looking: JoinHandle<BTreeMap<String, String>>,
}

impl Watch {
    pub fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let looking = thread::spawn(move || {
            let mut seen = BTreeMap::new();
            while !until.load(Ordering::Relaxed) {
                seen.extend(step_logs().into_iter().chain(command_lines()));
                thread::sleep(LOOK);
            }
            seen
        });
        Self { over, looking }
    }

    /// All that was seen.
    pub fn stop(self) -> Vec<(String, String)> {
        self.over.store(true, Ordering::Relaxed);
        self.looking.join().unwrap().into_iter().collect()
    }
}

fn step_logs() -> Vec<(String, String)> {
    let folders = fs::read_dir(state().join("node-0/pod-logs")).into_iter().flatten().flatten();
    let ours = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with("sandbind-steps_"));
    let read = |path: PathBuf| {
        let text = fs::read(&path).ok()?;
        Some((path.display().to_string(), String::from_utf8_lossy(&text).into_owned()))
    };
    ours.flat_map(|entry| files(&entry.path())).filter_map(read).collect()
}

/// Requests of the audit log but those that write Secrets, and the one that made the binding.
fn is_told(line: &str, shop: &Namespace) -> bool {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return true };
    let object = &event["objectRef"];
    match object["resource"].as_str() {
        Some("secrets") => false,
        Some("resourcebindings") => object["namespace"] != shop.name.as_str(),
        _ => true,
    }
}

/// Every object of every kind but Secrets.
fn api(shop: &Namespace) -> Vec<(String, String)> {
    let kinds = kubectl(&["api-resources", "--verbs=list", "-o", "name"]);
    let kinds: Vec<&str> = kinds
        .lines()
        .filter(|kind| !matches!(*kind, "secrets" | "componentstatuses" | "resourcebindings.sandbind.dev"))
        .collect();
    assert!(kinds.len() > 40 && kinds.contains(&"resourceinstances.sandbind.dev"), "{kinds:?}");
    let objects = eventually("everything is listed", 60, || {
        try_kubectl(&[
            "get",
            &kinds.join(","),
            "-A",
            "-o",
            "yaml",
            "--ignore-not-found",
            "--show-managed-fields",
        ])
    });
    let mut binding = shop.json(&["resourcebinding", "main"]);
    binding["spec"] = Value::Null;
    vec![("the API".to_owned(), objects), ("the binding but its spec".to_owned(), binding.to_string())]
}

/// What etcd holds outside the keys of Secrets.
fn store(shop: &Namespace) -> Vec<(String, String)> {
    let vars = fs::read_to_string(state().join("vars")).expect("the cluster's ports");
    let port: u16 =
        vars.lines().find_map(|line| line.strip_prefix("P_ETCD=")).unwrap().trim().parse().unwrap();
    let ours = format!("/registry/sandbind.dev/resourcebindings/{}/main", shop.name);
    let (mut from, mut found) = (b"/".to_vec(), Vec::new());
    loop {
        let asked = json!({"key": STANDARD.encode(&from), "range_end": STANDARD.encode(b"0"), "limit": 100});
        let answer = post(port, "/v3/kv/range", &asked.to_string());
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        let pairs = answer["kvs"].as_array().cloned().unwrap_or_default();
        let read = |value: &Value| STANDARD.decode(value.as_str().unwrap_or_default()).unwrap();
        for pair in &pairs {
            let key = String::from_utf8_lossy(&read(&pair["key"])).into_owned();
            if !key.starts_with("/registry/secrets/") && key != ours {
                found.push((
                    format!("etcd {key}"),
                    String::from_utf8_lossy(&read(&pair["value"])).into_owned(),
                ));
            }
        }
        match pairs.last() {
            Some(last) if answer["more"] == true => {
                from = read(&last["key"]);
                from.push(0);
            }
            _ => break,
        }
    }
    assert!(found.iter().any(|(key, _)| key.contains("/resourceplugins/")), "{} keys", found.len());
    found
}

fn post(port: u16, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("etcd");
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// What the steps wrote is kept in Secrets too, but without values.
fn kept_logs() -> Vec<(String, String)> {
    let secrets = json(&["-n", "sandbind-system", "secrets", "-l", "sandbind.dev/instance"]);
    let log = |secret: &Value| {
        let text = STANDARD.decode(secret["data"]["log"].as_str()?).ok()?;
        let name = secret["metadata"]["name"].as_str()?;
        Some((format!("log in Secret {name}"), String::from_utf8_lossy(&text).into_owned()))
    };
    secrets["items"].as_array().into_iter().flatten().filter_map(log).collect()
}

/// Logs and metrics as pods give them. Pods of other tests may go meanwhile.
fn pods(shop: &Namespace) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for namespace in ["sandbind-system", "sandbind-steps", &shop.name] {
        let pods = json(&["-n", namespace, "pods"]);
        for pod in pods["items"].as_array().into_iter().flatten() {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            if namespace != "sandbind-steps" {
                let logs = try_kubectl(&["-n", namespace, "logs", name, "--all-containers"]);
                found.push((format!("logs of {namespace}/{name}"), logs.unwrap_or_default()));
            }
            if namespace == "sandbind-system" {
                let path = format!("/api/v1/namespaces/{namespace}/pods/{name}:8080/proxy/metrics");
                let metrics = kubectl(&["get", "--raw", &path]);
                assert!(metrics.contains("# HELP"), "{metrics}");
                found.push((format!("metrics of {name}"), metrics));
            }
        }
    }
    found
}

/// Command lines of all processes of the machine, containers included.
fn command_lines() -> Vec<(String, String)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let numbered = processes
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok()));
    let line = |path: PathBuf| {
        let text = fs::read(path.join("cmdline")).ok()?;
        Some((path.display().to_string(), String::from_utf8_lossy(&text).replace('\0', " ")))
    };
    // Numbers come again: the line is part of the place.
    numbered.filter_map(line).map(|(process, line)| (format!("{process} {line}"), line)).collect()
}
