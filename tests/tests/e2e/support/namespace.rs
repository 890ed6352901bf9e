//! A namespace of a test's own.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

use super::{apply, eventually, json, kubectl, try_kubectl, unique};

/// A namespace in which plugins may be used; removed in the end. A failing test shows what is in it.
pub struct Namespace {
    /// Its name.
    pub name: String,
}

impl Namespace {
    /// With the label that allows plugins by default.
    pub fn new() -> Self {
        Self::with("sandbind.dev/enabled: \"true\"", "")
    }

    /// With these labels and annotations (lines of a YAML flow map).
    pub fn with(labels: &str, annotations: &str) -> Self {
        let name = format!("e2e-{}", unique());
        Self::named(&name, labels, annotations);
        Self { name }
    }

    /// Makes one of a given name and waits until pods can be made in it.
    pub fn named(name: &str, labels: &str, annotations: &str) {
        apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}, annotations: {{{annotations}}}}}\n"
        ));
        eventually("the default ServiceAccount", 30, || {
            if json(&["-n", name, "serviceaccount", "default"]).is_null() { Err("none") } else { Ok(()) }
        });
    }

    /// kubectl in this namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["-n", &self.name];
        all.extend(arguments);
        kubectl(&all)
    }

    /// `kubectl get … -o json` in this namespace.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["-n", &self.name];
        all.extend(arguments);
        json(&all)
    }

    /// `kubectl apply` of documents without a namespace.
    pub fn apply(&self, yaml: &str) -> String {
        self.try_apply(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
    }

    /// The same; the standard error when it fails.
    pub fn try_apply(&self, yaml: &str) -> Result<String, String> {
        super::kubectl::feed(&["-n", &self.name, "apply", "-f", "-"], yaml)
    }

    /// `kubectl create` of documents without a namespace.
    pub fn create(&self, yaml: &str) -> Result<String, String> {
        super::kubectl::feed(&["-n", &self.name, "create", "-f", "-"], yaml)
    }

    /// Pods with this label that are not being deleted.
    pub fn pods(&self, selector: &str) -> Vec<Value> {
        let list = self.json(&["pods", "-l", selector]);
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect()
    }

    /// The one Ready pod with this label, by name.
    #[track_caller]
    pub fn ready_pod(&self, selector: &str, seconds: u64) -> String {
        eventually(&format!("a Ready pod with {selector} in {}", self.name), seconds, || {
            let pods = self.pods(selector);
            pods.iter()
                .find(|pod| is_ready(pod))
                .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
                .ok_or_else(|| self.seen(format!("{} pods", pods.len())))
        })
    }

    /// Runs a command in a pod's container.
    pub fn exec(&self, pod: &str, container: &str, command: &[&str]) -> Result<String, String> {
        let mut all = vec!["-n", &self.name, "exec", pod, "-c", container, "--"];
        all.extend(command);
        try_kubectl(&all)
    }

    /// What is in it, for a failing test.
    pub fn picture(&self) -> String {
        let look = |arguments: &[&str]| try_kubectl(arguments).unwrap_or_else(|error| error);
        [
            look(&["-n", &self.name, "get", "pods,sbx,rs", "-o", "wide"]),
            look(&["-n", &self.name, "get", "events", "--sort-by=.lastTimestamp"]),
            look(&["-n", "sandbind-system", "get", "ri", "-o", "wide"]),
            look(&["-n", "sandbind-steps", "get", "pods"]),
        ]
        .join("\n")
    }

    /// What a look saw. The picture is made if the wait fails, not at every look.
    pub fn seen(&self, line: impl Into<String>) -> Seen<'_> {
        Seen { shop: self, line: line.into() }
    }

    /// Records of this namespace.
    pub fn instances(&self) -> Vec<Value> {
        let list = json(&["-n", "sandbind-system", "resourceinstances"]);
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.into_iter().filter(|item| item["spec"]["key"]["namespace"] == self.name.as_str()).collect()
    }

    /// The record of a sandbox's resource.
    pub fn instance(&self, sandbox: &str, resource: &str) -> Option<Value> {
        self.instances().into_iter().find(|item| {
            item["spec"]["key"]["sandbox"] == sandbox && item["spec"]["key"]["resource"] == resource
        })
    }

    /// Waits until no record of this namespace and none of our Secrets in it is left.
    #[track_caller]
    pub fn nothing_left(&self, seconds: u64) {
        eventually(&format!("no record, Secret or Sandbox left of {}", self.name), seconds, || {
            let records = self.instances().len();
            let secrets = self.json(&["secrets", "-l", "app.kubernetes.io/managed-by=sandbind"]);
            let secrets = secrets["items"].as_array().map_or(0, Vec::len);
            let sandboxes = self.json(&["sandboxes"])["items"].as_array().map_or(0, Vec::len);
            if records + secrets + sandboxes == 0 {
                Ok(())
            } else {
                Err(self.seen(format!("{records} records, {secrets} Secrets, {sandboxes} Sandboxes")))
            }
        });
    }

    /// Waits until no step pod and no Secret of a record is left in our own namespaces.
    #[track_caller]
    pub fn no_trace_of(&self, record: &str, seconds: u64) {
        let selector = format!("sandbind.dev/instance={record}");
        eventually(&format!("no step pod and no Secret left of {record}"), seconds, || {
            let pods = json(&["-n", "sandbind-steps", "pods", "-l", &selector]);
            let secrets = json(&["-n", "sandbind-system", "secrets", "-l", &selector]);
            let names = |list: &Value| -> Vec<String> {
                let items = list["items"].as_array().into_iter().flatten();
                items.map(|item| item["metadata"]["name"].to_string()).collect()
            };
            let left = [names(&pods), names(&secrets)].concat();
            if left.is_empty() { Ok(()) } else { Err(self.seen(format!("{left:?}"))) }
        });
    }
}

/// A line, and the picture of its namespace at the time when it is shown.
pub struct Seen<'a> {
    shop: &'a Namespace,
    line: String,
}

impl Display for Seen<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.line, self.shop.picture())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let picture = self.picture();
            eprintln!("---- {}\n{picture}", self.name);
        }
        let _ = try_kubectl(&["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"]);
    }
}

/// Whether a pod's Ready condition is true.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
