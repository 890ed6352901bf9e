//! Two documents of the published format in real pods, with stand-ins for the tools that they call: one that runs as root, writes below `/`
//! and takes credentials from a Secret; one with a ServiceAccount of its own. Their steps run in a namespace of their own.

use super::support::{
    Namespace, apply, eventually,
    fixtures::deployment,
    json,
    kubectl::{feed, sandbind_with},
    try_kubectl, unique,
};

/// A step namespace of the installation besides the default one.
const STEPS: &str = "published-steps";
/// Where step pods find the stand-ins.
const OVERLAY: &str = "volumes: [{name: stand-ins, configMap: {name: stand-ins, defaultMode: 0755}}]";

/// A document of `tests/published`, as a plugin of another name; removed in the end.
struct Published {
    name: String,
}

impl Published {
    /// Applies it; what stands in it is replaced by what this cluster has.
    fn apply(file: &str, name: &str, changes: &[(&str, &str)]) -> Self {
        let folder = format!("{}/published", env!("CARGO_MANIFEST_DIR"));
        let mut text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
        // Standard input has no folder for embedded files.
        let script = "\"@{embed: scripts/release-create.sh}\"";
        if text.contains(script) {
            let content = std::fs::read_to_string(format!("{folder}/scripts/release-create.sh")).unwrap();
            text = text.replace(script, &serde_json::to_string(&content).unwrap());
        }
        let published = Self { name: format!("{name}-{}", unique()) };
        for (from, to) in changes {
            assert!(text.contains(from), "{file} has changed: no {from}");
            text = text.replacen(from, &to.replace("NAME", &published.name), 1);
        }
        let applied = sandbind_with(&["plugin", "apply", "-f", "-", "--step-namespace", STEPS], &text);
        assert_eq!(applied.code, 0, "{applied:?}\n{text}");
        published
    }

    /// A pod of a sandbox gets these outputs, and nothing is left after it.
    fn works(&self, outputs: &[(&str, &str)]) {
        let shop = Namespace::new();
        let env: String = outputs
            .iter()
            .enumerate()
            .map(|(at, (key, _))| {
                format!(
                    "  - {{name: OUTPUT_{at}, valueFrom: {{resource: {{name: it, outputKey: {key}}}}}}}\n"
                )
            })
            .collect();
        shop.apply(&format!(
            "apiVersion: sandbind.dev/v1alpha1\nkind: ResourceBinding\nmetadata: {{name: it}}\nspec:\n  linger: 1s\n  \
             resources: [{{name: it, plugin: {}}}]\n  env:\n{env}",
            self.name
        ));
        shop.apply(&deployment("web", "pr-1", 1));
        let pod = shop.ready_pod("app=web", 120);
        for (at, (key, expected)) in outputs.iter().enumerate() {
            let seen = shop.exec(&pod, "app", &["sh", "-c", &format!("echo \"$OUTPUT_{at}\"")]).unwrap();
            assert!(seen.contains(expected), "{key}: {seen}");
        }
        shop.kubectl(&["delete", "deployment", "web"]);
        shop.nothing_left(120);
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let _ = try_kubectl(&["delete", "resourceplugin", &self.name, "--ignore-not-found", "--wait=false"]);
    }
}

/// The stand-ins, as a ConfigMap in the step namespace.
fn stand_ins() {
    let folder = format!("{}/published/bin", env!("CARGO_MANIFEST_DIR"));
    let made = try_kubectl(&[
        "-n",
        STEPS,
        "create",
        "configmap",
        "stand-ins",
        "--from-file",
        &folder,
        "--dry-run=client",
        "-o",
        "yaml",
    ]);
    apply(&made.unwrap().replace("name: stand-ins", &format!("name: stand-ins\n  namespace: {STEPS}")));
}

const PATH: &str = "{name: PATH, value: \"/stand-ins:/usr/local/bin:/usr/bin:/bin\"}";

#[test]
fn a_document_that_runs_as_root_and_takes_a_secret_works_in_a_namespace_of_its_own() {
    stand_ins();
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db-credentials}\nstringData: {username: a, password: b}\n";
    feed(&["-n", STEPS, "apply", "-f", "-"], secret).unwrap();
    let mounts = format!(
        "spec:\n        securityContext: {{runAsUser: 0}}\n        {OVERLAY}\n        containers:\n        - name: main\n          \
         volumeMounts: [{{name: stand-ins, mountPath: /stand-ins}}]\n          env:\n          - {PATH}\n"
    );
    let branch = Published::apply(
        "branch.yaml",
        "branch",
        &[
            ("name: branch@v1.0", "name: NAME"),
            ("debian:bookworm-slim", "localhost/psql:1"),
            ("spec:\n        containers:\n        - name: main\n          env:\n", &mounts),
        ],
    );
    branch.works(&[("createbranch.branch-name", "pr_1"), ("createbranch.db-name", "app")]);
}

#[test]
fn a_document_with_a_service_account_of_its_own_works() {
    stand_ins();
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sd-release}\n";
    feed(&["-n", STEPS, "apply", "-f", "-"], account).unwrap();
    let mounts = format!(
        "serviceAccountName: sd-release\n        {OVERLAY}\n        containers:\n        - name: main\n          \
         volumeMounts: [{{name: stand-ins, mountPath: /stand-ins}}]\n          env:\n          - {PATH}\n"
    );
    let release = Published::apply(
        "release.yaml",
        "release",
        &[
            ("name: release\n", "name: NAME\n"),
            ("example/helm-kubectl", "localhost/psql:1"),
            ("serviceAccountName: sd-release\n", &mounts),
        ],
    );
    // Its preflight found the account and the ConfigMap.
    eventually("nothing is lacking", 60, || {
        let plugin = json(&["resourceplugin", &release.name]);
        let conditions = plugin["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let met = conditions.iter().any(|one| one["type"] == "ResolvedRefs" && one["status"] == "True");
        if met { Ok(()) } else { Err(plugin["status"].to_string()) }
    });
    release.works(&[("provision.port", "3306"), ("provision.root-password", "hush")]);
}
