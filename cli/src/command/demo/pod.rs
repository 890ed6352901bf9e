//! The pod, and the kubelet's part of starting it: what an admitted pod says is made true with folders and processes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal};
use sandbind_binder_sidecar::gate::Gate;
use sandbind_core::inject::bindings_of;
use sandbind_engine::ports::World as _;
use sandbind_local::{runs::Run, users::User, world::LocalWorld};
use sandbind_wire::{
    message::PodBindings,
    name::{
        CONTAINER_SIDECAR, ENV_BINDINGS, ENV_RUNNER_CA, ENV_RUNNER_NAME, ENV_RUNNER_URL, ENV_STATE_DIR,
        ENV_TOKEN_PATH, LABEL_SANDBOX, VOLUME_FILES, delivered_secret,
    },
};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{PATIENCE, failed, servers::Servers, within};
use crate::exit::Outcome;

/// A pod as an app team writes it.
pub(super) fn labelled(namespace: &str, sandbox: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": format!("app-{sandbox}"), "namespace": namespace, "labels": {"app": "app", LABEL_SANDBOX: sandbox}},
        "spec": {"containers": [{"name": "app", "image": "localhost/app:1"}]},
    })
}

/// Enough of a secret to tell two apart.
pub(super) fn masked(secret: &str) -> String {
    let shown: String = secret.chars().take(4).collect();
    format!("{shown}{}", "*".repeat(secret.chars().count().saturating_sub(4)))
}

/// One pod on this machine.
pub(super) struct Kubelet {
    /// The pod's UID.
    pub(super) uid: String,
    /// Where the app finds its files, as the pod says.
    pub(super) shown_path: String,
    /// The folder that is mounted there.
    pub(super) mounted: PathBuf,
    /// The app's env vars, as the pod says.
    pub(super) env: BTreeMap<String, String>,
    pod: Value,
    home: PathBuf,
    sidecar: Option<Child>,
}

impl Kubelet {
    /// Makes the volumes and reads the app's env vars from the delivered Secret.
    pub(super) fn new(pod: &Value, run: &Run, world: &LocalWorld) -> Outcome<Self> {
        let home = run.files();
        let app = pod.pointer("/spec/containers/0").cloned().unwrap_or_default();
        let list = |field: &str| app.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: &Value, at: &str| {
            value.pointer(at).and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
        };
        let mounts = list("volumeMounts");
        let mount = mounts.iter().find(|mount| text(mount, "/name") == VOLUME_FILES);
        let mount = mount.ok_or_else(|| failed("pod", "no files are mounted into the app"))?;
        let bindings = bindings_of(pod).unwrap_or_default();
        let mut env = BTreeMap::new();
        for variable in list("env") {
            let secret = text(&variable, "/valueFrom/secretKeyRef/name");
            let of = bindings.resources.iter().find(|one| delivered_secret(&one.incarnation) == secret);
            let of = of.ok_or_else(|| failed("pod", "an env var is not taken from the delivered Secret"))?;
            let values = world.delivery().values(&of.incarnation)?;
            let value = values.get(&text(&variable, "/valueFrom/secretKeyRef/key"));
            let value = value.ok_or_else(|| failed("pod", "an env var's key is not delivered"))?;
            env.insert(text(&variable, "/name"), String::from_utf8_lossy(&value.0).into_owned());
        }
        let files = home.join("volume");
        std::fs::create_dir_all(&files)?;
        Ok(Self {
            // One pod per sandbox is enough here.
            uid: format!("pod-{}", text(pod, "/metadata/labels/sandbind.dev~1sandbox")),
            shown_path: text(mount, "/mountPath"),
            mounted: files.join(text(mount, "/subPath")),
            env,
            pod: pod.clone(),
            home,
            sidecar: None,
        })
    }

    /// Starts the sidecar with a token of its own and waits until its gate is open.
    pub(super) async fn start_sidecar(&mut self, servers: &Servers, world: &LocalWorld) -> Outcome {
        let bindings = bindings_of(&self.pod).unwrap_or_default();
        let token = sandbind_local::clock::id()?;
        let user = User { name: "app".to_owned(), token: Some(token.clone()), bindings: bindings.clone() };
        world.users().enter(&self.uid, user);
        let token_path = self.home.join("token");
        std::fs::write(&token_path, token)?;
        let state = self.home.join("state");
        let here = self.here(bindings, world);
        let own = self.sidecar_env();
        verify_address(&own, servers)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["internal", "sidecar"])
            .env_clear()
            .env(ENV_BINDINGS, serde_json::to_string(&here)?)
            .env(ENV_TOKEN_PATH, &token_path)
            .env(ENV_STATE_DIR, &state)
            .envs(own)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        self.sidecar = Some(command.spawn()?);
        let opened = tokio::task::spawn_blocking(move || Gate::new(state).wait(PATIENCE)).await;
        opened.map_err(anyhow::Error::from)?.map_err(|line| failed("sidecar", &line))
    }

    /// SIGTERM, as a kubelet ends it.
    pub(super) async fn stop_sidecar(&mut self) -> Outcome {
        let Some(mut sidecar) = self.sidecar.take() else { return Ok(()) };
        let pid = sidecar.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            rustix::process::kill_process(pid, Signal::TERM).map_err(std::io::Error::from)?;
        }
        let ended = within("sidecar", sidecar.wait()).await??;
        if ended.success() { Ok(()) } else { Err(failed("sidecar", &format!("it ended with {ended}"))) }
    }

    /// Whether the sidecar's process is there.
    pub(super) const fn runs(&self) -> bool {
        self.sidecar.is_some()
    }

    /// What the sidecar is told, with the mounts of this machine.
    fn here(&self, mut bindings: PodBindings, world: &LocalWorld) -> PodBindings {
        let volume = self.mounted.parent().unwrap_or_else(|| Path::new("/"));
        for resource in &mut bindings.resources {
            if resource.mounted.is_some() {
                resource.mounted = Some(world.delivery().folder(&resource.incarnation).display().to_string());
            }
            for folder in &mut resource.folders {
                if let Some(number) = Path::new(&folder.dir).file_name() {
                    folder.dir = volume.join(number).display().to_string();
                }
            }
        }
        bindings
    }

    /// The runner's address as the pod's own sidecar has it.
    fn sidecar_env(&self) -> BTreeMap<String, String> {
        let containers = self.pod.pointer("/spec/initContainers").and_then(Value::as_array);
        let sidecar =
            containers.into_iter().flatten().find(|container| container["name"] == CONTAINER_SIDECAR);
        let env = sidecar.and_then(|sidecar| sidecar.get("env")).and_then(Value::as_array);
        let pairs = env.into_iter().flatten().filter_map(|one| {
            let name = one.get("name")?.as_str()?;
            let wanted = [ENV_RUNNER_URL, ENV_RUNNER_NAME, ENV_RUNNER_CA].contains(&name);
            wanted.then_some((name.to_owned(), one.get("value")?.as_str()?.to_owned()))
        });
        pairs.collect()
    }
}

fn verify_address(env: &BTreeMap<String, String>, servers: &Servers) -> Outcome {
    let told = env.get(ENV_RUNNER_URL);
    super::verify("sidecar", told == Some(&servers.runner), "the pod names another runner")
}
