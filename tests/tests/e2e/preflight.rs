//! What a cluster lacks of what a plugin names: told when the plugin is applied, before a pod of anybody waits for it.

use super::support::{
    eventually, json, kubectl,
    kubectl::{feed, sandbind_with},
    sandbind, try_kubectl, unique,
};

const STEPS: &str = "sandbind-steps";
/// What is lacking is asked for every 15 s.
const NOTICED: u64 = 60;

/// A draft whose step pods need a Secret, a ConfigMap and a ServiceAccount of its own name; removed in the end, with them.
struct Needy {
    name: String,
}

impl Needy {
    fn new() -> Self {
        Self { name: format!("needy-{}", unique()) }
    }

    /// As a plugin document; `description` makes it another one.
    fn document(&self, description: &str) -> String {
        let name = &self.name;
        format!(
            r"name: {name}
spec:
  description: {description}
  runner:
    image: localhost/psql:1
    podTemplateOverlay: |
      spec:
        serviceAccountName: {name}
        volumes:
        - {{name: conf, configMap: {{name: {name}}}}}
        - {{name: more, secret: {{secretName: {name}-more, optional: true}}}}
        containers:
        - name: main
          env:
          - {{name: PGPASSWORD, valueFrom: {{secretKeyRef: {{name: {name}, key: password}}}}}}
  create: [{{name: make, script: 'true'}}]
  delete: [{{name: unmake, script: 'true'}}]
"
        )
    }

    /// `sandbind plugin apply`, which must succeed; what it says beside.
    fn apply(&self, description: &str) -> String {
        let applied = sandbind_with(&["plugin", "apply", "-f", "-"], &self.document(description));
        assert_eq!(applied.code, 0, "{applied:?}");
        applied.stderr
    }

    /// Status, reason and message of the condition, of the generation that stands there.
    fn resolved(&self) -> (String, String, String) {
        let plugin = json(&["resourceplugin", &self.name]);
        let conditions = plugin["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.into_iter().find(|one| {
            one["type"] == "ResolvedRefs" && one["observedGeneration"] == plugin["metadata"]["generation"]
        });
        let found = found.unwrap_or_default();
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    #[track_caller]
    fn is_resolved_within(&self, seconds: u64) {
        eventually("nothing is missing", seconds, || {
            let (status, reason, message) = self.resolved();
            if status == "True" { Ok(()) } else { Err(format!("{status} {reason} {message}")) }
        });
    }

    /// Makes all that it needs.
    fn provide(&self) {
        let name = &self.name;
        let make = |kind: &str, more: &str| {
            let object = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{more}");
            feed(&["-n", STEPS, "create", "-f", "-"], &object).unwrap_or_else(|error| panic!("{error}"));
        };
        make("Secret", "stringData: {password: hush}\n");
        make("ConfigMap", "data: {a: b}\n");
        make("ServiceAccount", "");
    }
}

impl Drop for Needy {
    fn drop(&mut self) {
        let _ = try_kubectl(&["delete", "resourceplugin", &self.name, "--ignore-not-found", "--wait=false"]);
        for kind in ["secret", "configmap", "serviceaccount"] {
            let _ = try_kubectl(&["-n", STEPS, "delete", kind, &self.name, "--ignore-not-found"]);
        }
    }
}

#[test]
fn what_a_plugin_lacks_is_told_until_it_is_there() {
    let needy = Needy::new();
    let name = &needy.name;
    let told = [
        format!("no Secret `{name}`"),
        format!("no ConfigMap `{name}`"),
        format!("no ServiceAccount `{name}`"),
    ];
    // The runner looks within its time, or the machine is very busy: then a second apply finds its word.
    let warned = eventually("apply warns", 30, || {
        let warned = needy.apply("one");
        if warned.contains("warning: ReferenceNotFound") { Ok(warned) } else { Err(warned) }
    });
    let (status, reason, message) = needy.resolved();
    assert_eq!((&*status, &*reason), ("False", "ReferenceNotFound"), "{message}");
    let shown = sandbind(&["plugin", "get", name]).stdout;
    for part in told.iter().map(String::as_str).chain([STEPS, "`make`", "`unmake`"]) {
        assert!(warned.contains(part), "no {part} in: {warned}");
        assert!(message.contains(part), "no {part} in: {message}");
        let lacking = shown.lines().find(|line| line.starts_with("Lacking:")).unwrap_or_default();
        assert!(lacking.contains(part), "no {part} in: {shown}");
    }
    assert!(!message.contains("-more"), "what is optional may be absent: {message}");
    for kind in ["secret", "configmap", "serviceaccount"] {
        assert!(json(&["-n", STEPS, kind, name]).is_null(), "asking made a {kind}");
    }
    needy.provide();
    needy.is_resolved_within(NOTICED);
    assert!(!sandbind(&["plugin", "get", name]).stdout.contains("Lacking:"));
    assert!(!needy.apply("one").contains("ReferenceNotFound"));
}

#[test]
fn a_changed_plugin_is_told_what_it_lacks_now() {
    let needy = Needy::new();
    needy.apply("one");
    eventually("something is missing", 30, || {
        let (status, reason, message) = needy.resolved();
        if reason == "ReferenceNotFound" { Ok(()) } else { Err(format!("{status} {reason} {message}")) }
    });
    needy.provide();
    assert!(!needy.apply("two").contains("ReferenceNotFound"));
    needy.is_resolved_within(30);
    // Nothing of what was asked for has changed.
    let kept = kubectl(&["-n", STEPS, "get", "secret", &needy.name, "-o", "jsonpath={.data.password}"]);
    assert_eq!(kept, "aHVzaA==");
}
