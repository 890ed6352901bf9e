//! What the API server itself wrote down of each request: its audit log.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::PathBuf,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::eventually;

/// What the API server says about the webhooks of one created pod.
#[derive(Debug)]
pub struct Created {
    /// The pod's name.
    pub pod: String,
    /// Each call of a mutating webhook, in order: its name and whether it changed the pod.
    pub calls: Vec<(String, bool)>,
}

impl Created {
    /// Calls of the webhook of this name.
    pub fn calls_of(&self, webhook: &str) -> usize {
        self.calls.iter().filter(|(name, _)| name == webhook).count()
    }
}

/// The finished requests in a namespace about a kind of object (`pods`), so far.
pub fn requests(namespace: &str, resource: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for file in files() {
        let mut log = BufReader::new(File::open(&file).unwrap());
        let mut line = Vec::new();
        // An event is written in one go, but not always read so: the last line may be half of one.
        while log.read_until(b'\n', &mut line).unwrap() > 0 && line.ends_with(b"\n") {
            let text = String::from_utf8_lossy(&line);
            if text.contains(namespace) {
                let event: Value = serde_json::from_str(&text).unwrap();
                let object = &event["objectRef"];
                if object["namespace"] == namespace && object["resource"] == resource {
                    found.push(event);
                }
            }
            line.clear();
        }
    }
    found
}

/// Every pod that was created in a namespace, dry runs left out; waits until there are as many as expected.
#[track_caller]
pub fn created_pods(namespace: &str, expected: usize) -> Vec<Created> {
    eventually(&format!("{expected} created pods in the audit log"), 30, || {
        let events = requests(namespace, "pods");
        let events = events.iter().filter(|event| {
            event["verb"] == "create"
                && event["objectRef"]["subresource"].is_null()
                && event["responseStatus"]["code"] == 201
                && !event["requestURI"].as_str().unwrap_or_default().contains("dryRun")
        });
        let created: Vec<Created> = events.map(created).collect();
        if created.len() >= expected { Ok(created) } else { Err(format!("{created:?}")) }
    })
}

/// How long the API server took for the call that created a pod, or was to. kubectl's own time, long on a busy machine, is not in it.
#[track_caller]
pub fn create_call(namespace: &str, pod: &str) -> Duration {
    eventually(&format!("the create call of {pod} in the audit log"), 30, || {
        let events = requests(namespace, "pods");
        let event = events
            .iter()
            .find(|event| event["verb"] == "create" && event["requestObject"]["metadata"]["name"] == pod);
        let event = event.ok_or_else(|| format!("{} other requests", events.len()))?;
        Ok::<_, String>(answered(event).duration_since(received(event)).unsigned_abs())
    })
}

/// How long after the answer that a Deployment was made the call came that creates its first pod, whose label `app` is the
/// Deployment's name. Neither kubectl's own time is in it nor that of the pod's admission.
#[track_caller]
pub fn until_first_pod(namespace: &str, deployment: &str) -> SignedDuration {
    eventually(&format!("Deployment {deployment} and its pod in the audit log"), 30, || {
        let made = |resource: &str, place: &str| {
            requests(namespace, resource).into_iter().find(|event| {
                event["verb"] == "create"
                    && event["responseStatus"]["code"] == 201
                    && event["requestObject"].pointer(place).is_some_and(|name| name == deployment)
            })
        };
        let owner = made("deployments", "/metadata/name").ok_or("no Deployment was made")?;
        let pod = made("pods", "/metadata/labels/app").ok_or("no pod was made")?;
        Ok::<_, &str>(received(&pod).duration_since(answered(&owner)))
    })
}

/// When a request came in, to the microsecond.
pub fn received(event: &Value) -> Timestamp {
    event["requestReceivedTimestamp"].as_str().unwrap().parse().unwrap()
}

/// When it was answered.
fn answered(event: &Value) -> Timestamp {
    event["stageTimestamp"].as_str().unwrap().parse().unwrap()
}

fn created(event: &Value) -> Created {
    let name = [&event["objectRef"]["name"], &event["responseObject"]["metadata"]["name"]];
    let pod = name.into_iter().find_map(Value::as_str).unwrap_or("(generated)").to_owned();
    let mut calls = Vec::new();
    for (key, text) in event["annotations"].as_object().into_iter().flatten() {
        // `mutation.webhook.admission.k8s.io/round_0_index_1`: a reinvocation is a round of its own.
        if let Some(turn) = key.strip_prefix("mutation.webhook.admission.k8s.io/") {
            let call: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            let mutated = call["mutated"] == true;
            calls.push((turn.to_owned(), call["webhook"].as_str().unwrap().to_owned(), mutated));
        }
    }
    calls.sort();
    Created { pod, calls: calls.into_iter().map(|(_, webhook, mutated)| (webhook, mutated)).collect() }
}

/// The log and what was rotated out of it.
fn files() -> Vec<PathBuf> {
    let state = std::env::var_os("SANDBIND_TESTBED_STATE").expect("the cluster of `cargo xtask e2e`");
    let entries = fs::read_dir(PathBuf::from(state).join("log")).unwrap();
    let is_audit = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("audit") && path.extension().is_some_and(|extension| extension == "log")
    };
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_audit).collect();
    files.sort();
    files
}
