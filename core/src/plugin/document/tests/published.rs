//! Documents that use what published plugins use, feature by feature. All are our own.

use super::read_text;
use crate::plugin::overlay;

/// Reads without an error; answers the codes of the warnings.
fn accepted(text: &str) -> Vec<String> {
    let read = read_text(text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    overlay::read(&read.plugin.runner).unwrap();
    read.warnings.into_iter().map(|warning| warning.code).collect()
}

#[test]
fn a_cloud_queue_mounts_credentials_and_leaves_params_optional() {
    let warnings = accepted(
        r#"name: queue
spec:
  description: "A queue per sandbox, with a text that is longer than the documented limit of two hundred and fifty-five bytes, which several published documents exceed as well, so that a reader which took the limit at its word would refuse what is in daily use; we do not, and say so by this test."
  runner:
    image: example/aws
    namespace: signadot
    podTemplateOverlay: |
      spec:
        containers:
        - name: main
          volumeMounts:
          - name: creds
            mountPath: /root/.aws
        volumes:
        - name: creds
          secret:
            secretName: aws-auth
            items:
            - {key: credentials, path: credentials}
  create:
  - name: provision
    inputs:
    - name: region
      valueFromSandbox: true
      as: {env: AWS_REGION}
    - name: attributes
      valueFromSandbox: true
    - name: tags
      valueFromSandbox: true
    outputs:
    - name: queue-name
      valueFromPath: /tmp/queue-name
    - name: queue-url
      valueFromPath: /tmp/queue-url
      description: for the app
    script: |
      #!/bin/bash
      echo -n "q-${SIGNADOT_SANDBOX_ID}-${SIGNADOT_RESOURCE_NAME}" > /tmp/queue-name
  delete:
  - name: deprovision
    inputs:
    - name: queue-url
      valueFromStep: {name: provision, output: queue-url}
      as: {env: QUEUE_URL}
    - name: region
      valueFromSandbox: true
      as: {env: AWS_REGION}
    script: |
      #!/bin/bash
      true
"#,
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn a_database_branch_takes_env_from_secrets_and_another_image_user() {
    let warnings = accepted(
        r##"name: branch@v1.0
spec:
  runner:
    image: debian:bookworm-slim
    namespace: CHANGE_ME
    podTemplateOverlay: |
      spec:
        imagePullSecrets: [{name: pull}]
        nodeSelector: {disk: fast}
        tolerations: [{key: a, operator: Exists, effect: NoSchedule}]
        securityContext: {runAsUser: 0}
        activeDeadlineSeconds: 600
        containers:
        - name: main
          resources: {requests: {cpu: 1, memory: 64Mi}}
          env:
          - {name: HOST, value: "db.example"}
          - {name: PORT, value: "3306"}
          - name: PASSWORD
            valueFrom: {secretKeyRef: {name: creds, key: password}}
  create:
  - name: createbranch
    inputs:
    - {name: dbname, valueFromSandbox: true, as: {env: DATABASE}}
    - {name: base-branch, valueFromSandbox: true}
    outputs:
    - {name: branch-name, valueFromPath: /outputs/branch-name}
    - {name: db-name, valueFromPath: /outputs/db-name}
    script: "#!/bin/bash\nmkdir -p /outputs\n"
  delete:
  - name: deletebranch
    inputs:
    - {name: branch-name, valueFromStep: {name: createbranch, output: branch-name}}
    script: "#!/bin/bash\ntrue\n"
"##,
    );
    assert_eq!(warnings, ["BadNamespace"]);
}

#[test]
fn a_script_in_another_language_without_inputs_or_outputs() {
    let warnings = accepted(
        "name: python-plugin\nspec:\n  runner: {image: 'python:3', namespace: signadot}\n  create:\n  - name: create-something\n    script: |\n      \
         #!/usr/bin/env python3\n      print('hi')\n  delete:\n  - name: delete-something\n    script: |\n      #!/usr/bin/env python3\n      print('bye')\n",
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn an_apply_plugin_has_a_file_input_a_service_account_and_no_delete() {
    let warnings = accepted(
        "name: apply\nspec:\n  runner:\n    image: example/apply:v1.0.0\n    podTemplateOverlay: |\n      spec:\n        serviceAccountName: controller\n  \
         create:\n  - name: provision\n    inputs:\n    - name: data\n      valueFromSandbox: true\n      as: {path: /tmp/input.yaml}\n    \
         script: |\n      #!/bin/sh\n      k8s_apply -file /tmp/input.yaml\n",
    );
    assert_eq!(warnings, ["NoDelete"]);
}

#[test]
fn two_create_steps_in_a_graph_foreign_annotations_and_a_delete_without_inputs() {
    let warnings = accepted(
        r##"name: vaulted
createdAt: 2024-01-02T03:04:05Z
status: {resources: []}
spec:
  runner:
    image: postgres
    namespace: signadot
    podTemplateOverlay: |
      metadata:
        annotations:
          vault.hashicorp.com/agent-inject: "true"
          vault.hashicorp.com/agent-pre-populate-only: "true"
        labels: {team: db}
      spec:
        serviceAccountName: sd-postgresdb
  create:
  - name: setup
    inputs:
    - {name: db-name, valueFromStep: {name: provision, output: db-name}}
    script: "#!/bin/bash\npsql --file x\n"
  - name: provision
    outputs:
    - {name: db-name, valueFromPath: /tmp/db-name, type: string}
    script: "#!/bin/bash\n. /vault/secrets/db-access.sh\n"
  delete:
  - name: deprovision
    script: "#!/bin/bash\ntrue\n"
"##,
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn an_expanded_template_in_the_overlay_and_a_long_inline_script_with_anchors() {
    let warnings = accepted(
        r"name: infra
spec:
  runner: &runner
    image: example/tf:1.4.2
    podTemplateOverlay: |
      spec:
        containers:
        - name: main
          env:
          - name: BUCKET
            value: expanded
          volumeMounts: [{name: creds, mountPath: /root/.aws}]
        volumes: [{name: creds, secret: {secretName: aws-auth}}]
  create:
  - name: provision
    inputs: &inputs
    - {name: region, valueFromSandbox: yes, as: {env: AWS_REGION}}
    outputs: [{name: bucket-name, valueFromPath: /tmp/bucket-name}]
    script: |-
      #!/bin/sh
      set -e
      terraform init
  delete:
  - name: deprovision
    inputs: *inputs
    script: |-
      #!/bin/sh
      terraform destroy
",
    );
    assert_eq!(warnings, ["SurprisingScalar"]);
}
