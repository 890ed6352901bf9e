//! Every name that more than one program must agree on: labels, annotations, environment variables, paths, ports.

/// API group of the five kinds.
pub const GROUP: &str = "sandbind.dev";
/// The one served version.
pub const VERSION: &str = "v1alpha1";
/// Prefix of the names of all Secrets and ConfigMaps that the runner may write in tenants' namespaces.
pub const PREFIX: &str = "sandbind-";

/// Namespace of the programs and of the records, unless installed elsewhere.
pub const SYSTEM_NAMESPACE: &str = "sandbind-system";
/// Namespace of step pods, unless a plugin names another that the installation allows.
pub const STEP_NAMESPACE: &str = "sandbind-steps";

/// Label on a pod: the sandbox it belongs to. The only thing an app team sets.
pub const LABEL_SANDBOX: &str = "sandbind.dev/sandbox";
/// Label on a namespace: plugins whose `allowedNamespaces` is left out may be used here.
pub const LABEL_ENABLED: &str = "sandbind.dev/enabled";
/// Label on our own objects: the incarnation they belong to.
pub const LABEL_INCARNATION: &str = "sandbind.dev/incarnation";
/// Label on records: a hash of the sandbox that they belong to.
pub const LABEL_SANDBOX_HASH: &str = "sandbind.dev/sandbox-hash";
/// Label on step pods and on the Secrets of one attempt: the record's name.
pub const LABEL_INSTANCE: &str = "sandbind.dev/instance";
/// Label on a plugin that is a copy of a hub's: the hub's id, which is the UID of its namespace `kube-system`. Only the runner sets it.
pub const LABEL_HUB: &str = "sandbind.dev/hub";
/// Label on step pods: the step's name.
pub const LABEL_STEP: &str = "sandbind.dev/step";
/// Label on step pods and attempt Secrets: `create`, `refresh` or `delete`.
pub const LABEL_PHASE: &str = "sandbind.dev/phase";
/// Value of `app.kubernetes.io/managed-by` on everything we make.
pub const MANAGED_BY: &str = "sandbind";

/// Annotation on a namespace: `Allow` lets labelled pods that no binding selects run unbound.
pub const ANNOTATION_UNMATCHED: &str = "sandbind.dev/unmatched";
/// Annotation on a Sandbox: any new value starts the next round of its failed resources at once.
pub const ANNOTATION_RETRY: &str = "sandbind.dev/retry";
/// Annotation on a Sandbox: RFC 3339 time until which its resources are kept although nobody uses them.
pub const ANNOTATION_HOLD: &str = "sandbind.dev/hold-until";
/// Annotation on a ResourceInstance, set by a cluster admin: the reason why its resource is given up unremoved.
pub const ANNOTATION_FORGET: &str = "sandbind.dev/forget";
/// Annotation on a ResourceInstance, set by a cluster admin: `NAME@VERSION` whose delete steps are to be used.
pub const ANNOTATION_DELETE_WITH: &str = "sandbind.dev/delete-with";
/// Annotation on a ResourceInstance: any new value makes a stalled delete try again at once.
pub const ANNOTATION_DELETE_NOW: &str = "sandbind.dev/delete-now";
/// Annotation on a plugin that is a copy: UID of the hub's object.
pub const ANNOTATION_HUB_OBJECT: &str = "sandbind.dev/hub-object";
/// Annotation on a plugin that is a copy: its cluster has left the hub, so that people may delete it. `sandbind hub leave` sets it.
pub const ANNOTATION_HUB_LEFT: &str = "sandbind.dev/hub-left";
/// Annotation on a step pod: JSON of the run it was made for.
pub const ANNOTATION_RUN: &str = "sandbind.dev/run";
/// Annotation on an injected pod: hash of what was injected.
pub const ANNOTATION_INJECTED: &str = "sandbind.dev/injected";

/// Finalizer on ResourceInstances: the resource may still exist.
pub const FINALIZER_INSTANCE: &str = "sandbind.dev/resource";
/// Finalizer on Sandboxes: their resources are being removed.
pub const FINALIZER_SANDBOX: &str = "sandbind.dev/sandbox";

/// Name of the injected sidecar (an init container with `restartPolicy: Always`).
pub const CONTAINER_SIDECAR: &str = "sandbind-binder";
/// Name of the step container in a step pod.
pub const CONTAINER_STEP: &str = "main";
/// Init container of a step pod: copies the agent.
pub const CONTAINER_AGENT: &str = "sandbind-agent";
/// Volume of a bound pod: token and CA of the sidecar.
pub const VOLUME_TOKEN: &str = "sandbind-token";
/// Volume of a bound pod: the files, in memory.
pub const VOLUME_FILES: &str = "sandbind-files";
/// Volume of a step pod: the agent's program.
pub const VOLUME_AGENT: &str = "sandbind-agent";

/// Where sidecar and agent find their token and CA bundle.
pub const TOKEN_DIR: &str = "/var/run/secrets/sandbind.dev";
/// File name of the projected token below [`TOKEN_DIR`].
pub const TOKEN_FILE: &str = "token";
/// Where the agent is copied to in a step pod.
pub const AGENT_DIR: &str = "/sandbind";
/// Audience of the projected tokens.
pub const AUDIENCE: &str = "sandbind.dev/runner";

/// Port of the runner's HTTPS API for agents and sidecars.
pub const RUNNER_PORT: u16 = 7443;
/// Name of the runner's Service.
pub const RUNNER_SERVICE: &str = "sandbind-plugin-runner";
/// Name of the webhook's Service.
pub const WEBHOOK_SERVICE: &str = "sandbind-webhook";
/// Name of both webhook configurations.
pub const WEBHOOK_CONFIGURATION: &str = "sandbind";
/// Secret in the system namespace that holds CA and leaf certificates.
pub const TLS_SECRET: &str = "sandbind-tls";
/// Secret in the system namespace of a member cluster: how its hub is reached.
pub const HUB_SECRET: &str = "sandbind-hub";
/// Key of that Secret: the kubeconfig.
pub const HUB_KUBECONFIG: &str = "kubeconfig";
/// Key of that Secret: name of the cluster's MemberCluster on the hub.
pub const HUB_MEMBER: &str = "member";
/// Key of that Secret: the hub's id, as `sandbind hub join` found it.
pub const HUB_ID: &str = "hub";
/// Namespace on a hub: the accounts of its member clusters.
pub const HUB_NAMESPACE: &str = "sandbind-hub";
/// ConfigMap kept in each namespace in use: the runner's address and CA bundle (both public).
pub const RUNNER_CONFIG_MAP: &str = "sandbind-runner";

/// Environment of sidecar and agent: `https://IP:7443` of the runner.
pub const ENV_RUNNER_URL: &str = "SANDBIND_RUNNER_URL";
/// Environment of sidecar and agent: the name the runner's certificate is verified against.
pub const ENV_RUNNER_NAME: &str = "SANDBIND_RUNNER_NAME";
/// Environment of sidecar and agent: PEM bundle of the CAs as of the pod's creation.
pub const ENV_RUNNER_CA: &str = "SANDBIND_RUNNER_CA";
/// Environment of sidecar and agent, optional: folder of the mounted [`RUNNER_CONFIG_MAP`], whose keys win over the three above.
pub const ENV_RUNNER_DIR: &str = "SANDBIND_RUNNER_DIR";
/// Environment of sidecar and agent: path of the token file.
pub const ENV_TOKEN_PATH: &str = "SANDBIND_TOKEN_PATH";
/// Environment of the sidecar: JSON of [`crate::message::PodBindings`].
pub const ENV_BINDINGS: &str = "SANDBIND_BINDINGS";
/// Environment of the sidecar, optional: folder of what its probes read. Default [`STATE_DIR`].
pub const ENV_STATE_DIR: &str = "SANDBIND_STATE_DIR";
/// Where the sidecar keeps what its probes read, unless told otherwise.
pub const STATE_DIR: &str = "/sandbind/files/.state";
/// Environment of an app container that is to be signalled: its own name, for the sidecar cannot know otherwise which processes
/// of a shared process namespace are whose.
pub const ENV_CONTAINER: &str = "SANDBIND_CONTAINER";
/// Environment of the agent: comma list of its container's variables whose values come from Secrets and must not leave the
/// pod. `*` stands for every variable, as Secrets taken whole name theirs themselves, but for `SANDBIND_…`, `SIGNADOT_…`,
/// `KUBERNETES_…`, `PATH`, `HOME`, `HOSTNAME`, `PWD`, `TERM`; `!NAME` takes one out again, being plain in the pod.
pub const ENV_REDACT_ENV: &str = "SANDBIND_REDACT_ENV";
/// Environment of the agent: colon list of files, and folders of files, that come from Secrets and whose content must not
/// leave the pod.
pub const ENV_REDACT_FILES: &str = "SANDBIND_REDACT_FILES";
/// Environment of a `run` command: the folder that holds the files.
pub const ENV_FILES: &str = "SANDBIND_FILES";

/// Name of the Secret in the tenant's namespace that carries an incarnation's delivered outputs.
pub fn delivered_secret(incarnation: &str) -> String {
    format!("{PREFIX}{incarnation}")
}

/// The key of an output in the delivered Secret and in bindings: `<step>.<output>`.
pub fn output_key(step: &str, output: &str) -> String {
    format!("{step}.{output}")
}

/// The DNS name that the runner's certificate carries.
pub fn runner_dns_name(system_namespace: &str) -> String {
    format!("{RUNNER_SERVICE}.{system_namespace}.svc")
}
