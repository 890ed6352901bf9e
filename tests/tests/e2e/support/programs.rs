//! sandbind's own programs: how many run, with which arguments, what they log. Only for tests that take [`super::storm`].

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{eventually, json, kubectl, look::log, namespace::is_ready, try_kubectl};

/// Where they run.
pub const SYSTEM: &str = "sandbind-system";
/// The Deployment of the plugin runner.
pub const RUNNER: &str = "sandbind-plugin-runner";
/// The Deployment of the webhook.
pub const WEBHOOK: &str = "sandbind-webhook";

fn component(deployment: &str) -> String {
    format!("app.kubernetes.io/component={}", deployment.trim_start_matches("sandbind-"))
}

/// Its pods, those that end included.
fn pods(deployment: &str) -> Vec<Value> {
    let list = json(&["-n", SYSTEM, "pods", "-l", &component(deployment)]);
    list["items"].as_array().cloned().unwrap_or_default()
}

/// Lets so many run, and waits until so many are ready and all others are gone.
pub fn scale(deployment: &str, replicas: usize) {
    kubectl(&["-n", SYSTEM, "scale", &format!("deployment/{deployment}"), &format!("--replicas={replicas}")]);
    eventually(&format!("{replicas} pods of {deployment}"), 60, || {
        let pods = pods(deployment);
        let ready = pods.iter().filter(|pod| is_ready(pod)).count();
        if pods.len() == replicas && ready == replicas {
            Ok(())
        } else {
            Err(format!("{} pods, {ready} ready", pods.len()))
        }
    });
}

/// Kills its processes (SIGKILL: no handler of theirs runs), as a kernel short of memory does; the kubelet starts its containers anew.
#[track_caller]
pub fn strike(deployment: &str) {
    let containers: Vec<String> = pods(deployment)
        .iter()
        .flat_map(|pod| pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default())
        .filter_map(|status| Some(status["containerID"].as_str()?.strip_prefix("containerd://")?.to_owned()))
        .collect();
    let struck = processes_in(&containers);
    assert!(!struck.is_empty(), "no process of {deployment} in {containers:?}");
    for process in struck {
        // One that is gone already is as good.
        let _ = kill_process(process, Signal::KILL);
    }
}

/// Kills its processes and deletes its pods, so that nobody waits for the kubelet, which starts containers ever later.
pub fn kill(deployment: &str) {
    strike(deployment);
    let selector = component(deployment);
    let _ = try_kubectl(&["-n", SYSTEM, "delete", "pod", "-l", &selector, "--grace-period=0", "--force"]);
}

/// The processes of containers: the node is this machine, and a container's id is the last part of its control group.
fn processes_in(containers: &[String]) -> Vec<Pid> {
    let within = |pid: i32| {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        containers.iter().any(|id| groups.contains(id.as_str()))
    };
    let all =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|pid| within(*pid)).filter_map(Pid::from_raw).collect()
}

/// Replaces its pods as an upgrade does, and waits until the old ones are gone.
#[track_caller]
pub fn replace(deployment: &str) {
    let names = || -> Vec<String> {
        pods(deployment).iter().map(|pod| pod["metadata"]["name"].to_string()).collect()
    };
    let old = names();
    kubectl(&["-n", SYSTEM, "rollout", "restart", &format!("deployment/{deployment}")]);
    rollout(deployment);
    eventually(&format!("the old pods of {deployment} are gone"), 60, || {
        let left: Vec<String> = names().into_iter().filter(|name| old.contains(name)).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    });
}

/// Waits until its pods are the newest ones; says nothing if they never are.
pub fn rollout(deployment: &str) {
    let deployment = format!("deployment/{deployment}");
    let _ = try_kubectl(&["-n", SYSTEM, "rollout", "status", &deployment, "--timeout=60s"]);
}

/// Puts the replicas back however the test ends.
pub struct Restore(pub &'static str, pub u32);

impl Drop for Restore {
    fn drop(&mut self) {
        let (deployment, replicas) = (format!("deployment/{}", self.0), format!("--replicas={}", self.1));
        let _ = try_kubectl(&["-n", SYSTEM, "scale", &deployment, &replicas]);
        rollout(self.0);
    }
}

/// The arguments of a program, put back however the test ends.
pub struct Arguments {
    deployment: &'static str,
    original: Value,
}

impl Arguments {
    /// As they are now.
    pub fn of(deployment: &'static str) -> Self {
        let found = json(&["-n", SYSTEM, "deployment", deployment]);
        Self { deployment, original: found["spec"]["template"]["spec"]["containers"][0]["args"].clone() }
    }

    /// Runs it with these arguments besides; [`Self::settled`] waits for it.
    pub fn add(&self, more: &[String]) {
        self.set(&self.with(more)).unwrap();
    }

    /// Waits until one pod with these further arguments is ready and no other is left.
    #[track_caller]
    pub fn settled(&self, more: &[String]) {
        let wanted = self.with(more);
        eventually(&format!("{} with {more:?}", self.deployment), 90, || {
            let pods = pods(self.deployment);
            let settled = pods.len() == 1
                && pods.iter().all(|pod| is_ready(pod) && pod["spec"]["containers"][0]["args"] == wanted);
            if settled { Ok(()) } else { Err(format!("{} pods", pods.len())) }
        });
    }

    /// Puts them back.
    pub fn restore(&self) {
        if let Err(error) = self.set(&self.original) {
            eprintln!("{} keeps a test's arguments: {error}", self.deployment);
        }
        rollout(self.deployment);
    }

    fn with(&self, more: &[String]) -> Value {
        let mut all = self.original.as_array().cloned().unwrap();
        all.extend(more.iter().map(|argument| json!(argument)));
        Value::Array(all)
    }

    fn set(&self, arguments: &Value) -> Result<String, String> {
        let path = "/spec/template/spec/containers/0/args";
        let patch = json!([{"op": "replace", "path": path, "value": arguments}]).to_string();
        try_kubectl(&["-n", SYSTEM, "patch", "deployment", self.deployment, "--type=json", "-p", &patch])
    }
}

impl Drop for Arguments {
    fn drop(&mut self) {
        self.restore();
    }
}

/// What each of its pods has logged.
pub fn logs(deployment: &str) -> Vec<String> {
    pods(deployment).iter().filter_map(|pod| log(SYSTEM, pod["metadata"]["name"].as_str().unwrap())).collect()
}

/// The log lines of its pods that carry this message.
pub fn logged(deployment: &str, message: &str) -> Vec<Value> {
    let all = logs(deployment).concat();
    let lines = all.lines().filter(|line| line.contains(message));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}
