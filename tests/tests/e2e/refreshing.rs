//! Rotation while in use: new files within seconds, the old ones complete until the swap.

use super::support::{
    Ledger, Namespace, calm, eventually,
    fixtures::{Plugin, pod},
};

const REFRESH: &str = r#"refresh:
  every: 5s
  steps:
  - name: make
    outputs: [{name: token, valueFromPath: /tmp/token}]
    script: |
      #!/bin/bash
      set -eu
      printf %s "token-$SANDBIND_ATTEMPT-$RANDOM$RANDOM" > /tmp/token
"#;

fn files_binding(plugin: &str) -> String {
    format!(
        r"apiVersion: sandbind.dev/v1alpha1
kind: ResourceBinding
metadata: {{name: main}}
spec:
  resources: [{{name: db, plugin: {plugin}}}]
  linger: 1s
  env: [{{name: DB_TOKEN, valueFrom: {{resource: {{name: db, outputKey: make.token}}}}}}]
  files: [{{path: /bindings/db, resource: db}}]
"
    )
}

#[test]
fn refreshed_outputs_reach_the_files_of_running_pods_and_the_env_of_new_ones() {
    let _calm = calm();
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::with("", "", REFRESH);
    shop.apply(&files_binding(&plugin.name));
    shop.create(&pod("a", "pr-1")).unwrap();
    shop.ready_pod("app=a", 60);
    let read = |pod: &str| shop.exec(pod, "app", &["cat", "/bindings/db/make.token"]);
    let at_start = shop.exec("a", "app", &["sh", "-c", "echo -n $DB_TOKEN"]).unwrap();
    let fresh = eventually("a refreshed token in the file", 60, || {
        let token = read("a")?;
        if token != at_start && token.starts_with("token-") { Ok(token) } else { Err(token) }
    });
    assert!(!fresh.ends_with('\n'), "byte for byte");
    assert_eq!(shop.exec("a", "app", &["cat", "/bindings/db/make.url"]).unwrap().get(..7), Some("made://"));
    // A new pod starts with a token that a refresh made.
    shop.create(&pod("b", "pr-1")).unwrap();
    shop.ready_pod("app=b", 60);
    let of_new = shop.exec("b", "app", &["sh", "-c", "echo -n $DB_TOKEN"]).unwrap();
    assert_ne!(of_new, at_start);
    shop.kubectl(&["delete", "pod", "a", "b"]);
    shop.nothing_left(120);
}
