//! Plugins, bindings and workloads that many tests use.

use super::{apply, unique};

/// A plugin whose steps write themselves into the ledger. `create` and `delete` are further lines of their scripts.
pub struct Plugin {
    /// Its name, without a version: a draft.
    pub name: String,
}

impl Plugin {
    /// A draft plugin; `create` and `delete` run after the ledger entry. Outputs `url` and `token`.
    pub fn new(create: &str, delete: &str) -> Self {
        Self::with(create, delete, "")
    }

    /// The same with further lines under `spec`.
    pub fn with(create: &str, delete: &str, more: &str) -> Self {
        let plugin = Self::unapplied();
        plugin.change(create, delete, more);
        plugin
    }

    /// One that the test applies itself.
    pub fn unapplied() -> Self {
        Self { name: format!("p-{}", unique()) }
    }

    /// Changes the draft.
    pub fn change(&self, create: &str, delete: &str, more: &str) {
        apply(&self.yaml(create, delete, more));
    }

    /// The object as YAML.
    pub fn yaml(&self, create: &str, delete: &str, more: &str) -> String {
        let name = &self.name;
        let indent = |text: &str, by: usize| {
            text.lines().map(|line| format!("{:by$}{line}\n", "")).collect::<String>()
        };
        let record = |phase: &str| {
            indent(
                &format!(
                    "psql -qc \"insert into effects (plugin, name, phase, step, attempt) values ('{name}', '$SANDBIND_NAME', '{phase}', '$SANDBIND_STEP', $SANDBIND_ATTEMPT)\""
                ),
                6,
            )
        };
        format!(
            r#"apiVersion: sandbind.dev/v1alpha1
kind: ResourcePlugin
metadata: {{name: {name}}}
spec:
  name: {name}
  runner:
    image: localhost/psql:1
    podTemplateOverlay: |
      spec:
        containers:
        - name: main
          env:
          - {{name: PGHOST, valueFrom: {{secretKeyRef: {{name: pg-admin, key: host}}}}}}
          - {{name: PGUSER, valueFrom: {{secretKeyRef: {{name: pg-admin, key: user}}}}}}
          - {{name: PGPASSWORD, valueFrom: {{secretKeyRef: {{name: pg-admin, key: password}}}}}}
          - {{name: PATH, value: "/usr/lib/postgresql/15/bin:/usr/bin:/bin"}}
  create:
  - name: make
    timeout: 2m
    outputs:
    - {{name: url, valueFromPath: /tmp/url}}
    - {{name: token, valueFromPath: /tmp/token}}
    script: |
      #!/bin/bash
      set -eu
      printf %s "made://$SANDBIND_NAME" > /tmp/url
      printf %s "token-of-$SANDBIND_NAME" > /tmp/token
{}{}  delete:
  - name: unmake
    inputs:
    - {{name: url, valueFromStep: {{name: make, output: url}}}}
    script: |
      #!/bin/bash
      set -eu
{}{}{}"#,
            record("create"),
            indent(create, 6),
            record("delete"),
            indent(delete, 6),
            indent(more, 2),
        )
    }
}

/// A refresh that makes another `make.token` as often as this says, such as `10s`.
pub fn token_refresh(every: &str) -> String {
    format!(
        r#"refresh:
  every: {every}
  steps:
  - name: make
    outputs: [{{name: token, valueFromPath: /tmp/token}}]
    script: |
      #!/bin/bash
      set -eu
      printf %s "token-$SANDBIND_ATTEMPT-$RANDOM$RANDOM" > /tmp/token
"#
    )
}

/// A binding of all labelled pods to one resource `db` of a plugin: env DB_URL, and `more` lines under `spec`.
pub fn binding(plugin: &str, more: &str) -> String {
    let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        r"apiVersion: sandbind.dev/v1alpha1
kind: ResourceBinding
metadata: {{name: main}}
spec:
  resources: [{{name: db, plugin: {plugin}}}]
  env:
  - {{name: DB_URL, valueFrom: {{resource: {{name: db, outputKey: make.url}}}}}}
{more}"
    )
}

/// A Deployment whose pods carry the sandbox label and print their env.
pub fn deployment(name: &str, sandbox: &str, replicas: u32) -> String {
    format!(
        r#"apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, sandbind.dev/sandbox: "{sandbox}"}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - {{name: app, image: "localhost/test:1", command: [sh, -c, "trap exit TERM; env; sleep 3600 & wait"]}}
"#
    )
}

/// A bare pod with the sandbox label.
pub fn pod(name: &str, sandbox: &str) -> String {
    format!(
        r#"apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}, sandbind.dev/sandbox: "{sandbox}"}}}}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - {{name: app, image: "localhost/test:1", command: [sh, -c, "trap exit TERM; env; sleep 3600 & wait"]}}
"#
    )
}
