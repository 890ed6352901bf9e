//! A namespace of a running cluster with a plugin and a binding, and pods in it that say when they started.
//!
//! Times are seconds since the machine's start: containers on this machine read the same clock.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, LogParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use sandbind_core::api::{ResourceBinding, ResourceInstance, ResourcePlugin, instance::Phase};
use serde_json::{Value, json};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the resources stay after their last pod, in seconds.
pub(crate) const LINGER: f64 = 1.0;

/// The namespace.
pub(crate) struct Bed {
    client: Client,
    /// Its name, the plugin's too.
    name: String,
    /// Its pods.
    pub(crate) pods: Api<Pod>,
}

/// Seconds since the machine's start.
pub(crate) fn now() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    Ok(text.split(' ').next().context("no uptime")?.parse()?)
}

/// Runs `work` in a namespace of its own and removes it.
pub(crate) fn with<T>(
    kubeconfig: &Path,
    work: impl AsyncFnOnce(&Bed) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let file = Kubeconfig::read_from(kubeconfig)?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        let bed = Bed::new(Client::try_from(config)?).await?;
        let done = work(&bed).await;
        bed.end().await?;
        done
    })
}

/// A pod that says when its container began; with a sandbox, also what the step said.
pub(crate) fn pod(name: &str, sandbox: Option<&str>, more: &Value) -> anyhow::Result<Pod> {
    let labels = sandbox.map(|sandbox| json!({"sandbind.dev/sandbox": sandbox}));
    let mut pod = json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "app", "image": "localhost/test:1",
                "command": ["sh", "-c", "echo $(cut -d' ' -f1 /proc/uptime) $BEGUN $ENDED; trap exit TERM; sleep 3600 & wait"]}]}});
    let spec = pod.pointer_mut("/spec").and_then(Value::as_object_mut).context("no spec")?;
    spec.extend(more.as_object().cloned().unwrap_or_default());
    Ok(serde_json::from_value(pod)?)
}

/// How many there have been.
static BEDS: AtomicU32 = AtomicU32::new(0);

impl Bed {
    async fn new(client: Client) -> anyhow::Result<Self> {
        // The one before may still be on its way out.
        let nth = BEDS.fetch_add(1, Ordering::Relaxed);
        let name = format!("bench-{}-{nth}", std::process::id());
        let bed = Self { pods: Api::namespaced(client.clone(), &name), client: client.clone(), name };
        let name = &bed.name;
        let create = PostParams::default();
        let namespace = json!({"metadata": {"name": name, "labels": {"sandbind.dev/enabled": "true"}}});
        Api::<Namespace>::all(client.clone()).create(&create, &serde_json::from_value(namespace)?).await?;
        let script = "#!/bin/sh\nset -eu\nnow() { printf %s \"$(cut -d' ' -f1 /proc/uptime)\"; }\nnow > /tmp/begun\nsleep 1\nnow > /tmp/ended\n";
        let plugin = json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin", "metadata": {"name": name},
            "spec": {
                "name": name, "runner": {"image": "localhost/test:1"},
                "create": [{"name": "make", "script": script, "outputs": [
                    {"name": "begun", "valueFromPath": "/tmp/begun"}, {"name": "ended", "valueFromPath": "/tmp/ended"}]}],
                "delete": [{"name": "unmake", "script": "#!/bin/sh"}]}});
        Api::<ResourcePlugin>::all(client.clone()).create(&create, &serde_json::from_value(plugin)?).await?;
        let env = |name: &str, key: &str| json!({"name": name, "valueFrom": {"resource": {"name": "db", "outputKey": format!("make.{key}")}}});
        let binding = json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourceBinding", "metadata": {"name": "main"},
            "spec": {
                "resources": [{"name": "db", "plugin": name}], "linger": format!("{LINGER}s"), "wait": {"mode": "Gate"},
                "env": [env("BEGUN", "begun"), env("ENDED", "ended")]}});
        let bindings: Api<ResourceBinding> = Api::namespaced(client, name);
        bindings.create(&create, &serde_json::from_value(binding)?).await?;
        let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
            Api::namespaced(bed.client.clone(), name);
        bed.until("the default ServiceAccount", async || Ok(accounts.get_opt("default").await?.map(drop)))
            .await?;
        Ok(bed)
    }

    /// The way to the API server.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// The namespace's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Makes a sandbox's resource by a pod of its own; its record once it is Ready.
    pub(crate) async fn life(&self, sandbox: &str) -> anyhow::Result<ResourceInstance> {
        self.create(&pod(sandbox, Some(sandbox), &json!({}))?).await?;
        self.said(sandbox).await?;
        self.until("its record is Ready", async || {
            let found = self.record(sandbox).await?;
            let ready = |record: &ResourceInstance| {
                record.status.as_ref().is_some_and(|status| status.phase == Phase::Ready)
            };
            Ok(found.filter(ready))
        })
        .await
    }

    /// Looks until there is something.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let waiting = async {
            loop {
                if let Some(found) = look().await? {
                    return Ok(found);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("not in time: {what}"))?
    }

    /// Makes it; answers when that began and when it was answered.
    pub(crate) async fn create(&self, pod: &Pod) -> anyhow::Result<(f64, Duration)> {
        let (at, begin) = (now()?, std::time::Instant::now());
        self.pods.create(&PostParams::default(), pod).await?;
        Ok((at, begin.elapsed()))
    }

    /// What a pod's container said first: the time, and what the step said.
    pub(crate) async fn said(&self, pod: &str) -> anyhow::Result<Vec<f64>> {
        let line = self
            .until(&format!("the first line of pod {pod}"), async || {
                let of_app = LogParams { container: Some("app".to_owned()), ..LogParams::default() };
                let log = self.pods.logs(pod, &of_app);
                // An error: not begun yet.
                Ok(log.await.ok().filter(|text| text.ends_with('\n')))
            })
            .await?;
        Ok(line.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect())
    }

    /// Deletes a pod and waits until it is gone.
    pub(crate) async fn delete(&self, pod: &str) -> anyhow::Result<()> {
        self.pods.delete(pod, &DeleteParams::default()).await?;
        self.until("the pod is gone", async || Ok(self.pods.get_opt(pod).await?.is_none().then_some(())))
            .await
    }

    /// The phase of a sandbox's record; none: there is no record.
    pub(crate) async fn phase(&self, sandbox: &str) -> anyhow::Result<Option<Phase>> {
        Ok(self.record(sandbox).await?.and_then(|record| record.status).map(|status| status.phase))
    }

    async fn record(&self, sandbox: &str) -> anyhow::Result<Option<ResourceInstance>> {
        let records: Api<ResourceInstance> = Api::namespaced(self.client.clone(), "sandbind-system");
        let all = records.list(&kube::api::ListParams::default()).await?;
        let mut of_ours = all
            .items
            .into_iter()
            .filter(|one| one.spec.key.namespace == self.name && one.spec.key.sandbox == sandbox);
        Ok(of_ours.next())
    }

    async fn end(&self) -> anyhow::Result<()> {
        let delete = DeleteParams::default();
        Api::<Namespace>::all(self.client.clone()).delete(&self.name, &delete).await?;
        Api::<ResourcePlugin>::all(self.client.clone()).delete(&self.name, &delete).await?;
        Ok(())
    }
}
