//! Every way to write a plugin wrong: one change to a good document, one error, at its place.

use super::{GOOD, read_text};

/// What is replaced in [`GOOD`], by what, the code, and the place of the one error.
const CASES: &[(&str, &str, &str, &str)] = &[
    // The name and the version.
    ("name: p@1.0.0\n", "", "MissingName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: 5", "MissingName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: 1p@1.0.0", "BadName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: p_q", "BadName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: p-", "BadName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: p@latest", "BadName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: p@^1", "BadName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: p@1.0.0+b1", "BadName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: p@1.0.0.0", "BadName", "p.yaml:1:1: name"),
    ("name: p@1.0.0", "name: p@1.0.0-a.-b", "BadVersion", "p.yaml:1:1: name"),
    // Fields.
    ("  create:", "  timeout: 5m\n  create:", "UnknownField", "p.yaml:4:3: spec.timeout"),
    ("  - name: d", "  - name: d\n    scrpt: x", "UnknownField", "p.yaml:13:5: spec.delete[0].scrpt"),
    ("{image: i}", "{image: 5}", "WrongType", "p.yaml:3:12: spec.runner.image"),
    ("{image: i}", "i", "WrongType", "p.yaml:3:3: spec.runner"),
    (
        "{image: i}",
        "{image: i, podTemplateOverlay: {spec: {}}}",
        "WrongType",
        "p.yaml:3:22: spec.runner.podTemplateOverlay",
    ),
    (
        "script: '#!/bin/sh'\n  - name: b",
        "script: [x]\n  - name: b",
        "WrongType",
        "p.yaml:7:5: spec.create[0].script",
    ),
    (
        "valueFromSandbox: true",
        "valueFromSandbox: 'true'",
        "WrongType",
        "p.yaml:13:27: spec.delete[0].inputs[0].valueFromSandbox",
    ),
    ("  - name: d", "  - name: d\n    retries: -1", "WrongType", "p.yaml:13:5: spec.delete[0].retries"),
    (
        "  - name: d",
        "  - name: d\n    timeout: 5 minutes",
        "BadDuration",
        "p.yaml:13:5: spec.delete[0].timeout",
    ),
    ("  - name: d", "  - name: d\n    timeout: 0s", "BadDuration", "p.yaml:13:5: spec.delete[0].timeout"),
    ("  - name: d", "  - name: d\n    grace: 2d", "BadDuration", "p.yaml:13:5: spec.delete[0].grace"),
    ("  - name: d", "  - name: d\n    signal: TERM", "BadSignal", "p.yaml:13:5: spec.delete[0].signal"),
    ("  - name: a", "  - name: a\n    retries: 101", "BadRetries", "p.yaml:6:5: spec.create[0].retries"),
    ("name: seed, ", "", "MissingField", "p.yaml:13:14: spec.delete[0].inputs[0].name"),
    (", valueFromPath: /o", "", "MissingField", "p.yaml:6:15: spec.create[0].outputs[0].valueFromPath"),
    (", output: o", "", "MissingField", "p.yaml:9:24: spec.create[1].inputs[0].valueFromStep.output"),
    // Old spellings.
    (
        "valueFromSandbox: true",
        "valueFromSandbox: true, to: {env: X}",
        "OldSpelling",
        "p.yaml:13:51: spec.delete[0].inputs[0].to",
    ),
    (
        "valueFromPath: /o",
        "valueFromPath: /o, from: /o",
        "OldSpelling",
        "p.yaml:6:44: spec.create[0].outputs[0].from",
    ),
    (
        "{image: i}",
        "{image: i, basePodTemplate: x}",
        "OldSpelling",
        "p.yaml:3:22: spec.runner.basePodTemplate",
    ),
    ("  - name: a", "  - name: a\n    env: []", "OldSpelling", "p.yaml:6:5: spec.create[0].env"),
    (
        "output: o",
        "output: o, value: o",
        "OldSpelling",
        "p.yaml:9:60: spec.create[1].inputs[0].valueFromStep.value",
    ),
    ("  create:", "  execPod: {}\n  create:", "OldSpelling", "p.yaml:4:3: spec.execPod"),
    // The runner.
    ("{image: i}", "{}", "MissingImage", "p.yaml:3:3: spec.runner.image"),
    ("{image: i}", "{image: 'a b'}", "BadImage", "p.yaml:3:12: spec.runner.image"),
    // Steps, inputs, outputs.
    ("name: b", "name: a", "DuplicateName", "p.yaml:8:5: spec.create[1].name"),
    ("name: d", "name: a", "DuplicateName", "p.yaml:12:5: spec.delete[0].name"),
    ("name: d", "name: this-name-is-far-too-long-for-a-step", "BadName", "p.yaml:12:5: spec.delete[0].name"),
    ("name: seed", "name: se_ed", "BadName", "p.yaml:13:15: spec.delete[0].inputs[0].name"),
    (
        "valueFromPath: /o}",
        "valueFromPath: /o}, {name: o.x, valueFromPath: /p}",
        "BadName",
        "p.yaml:6:46: spec.create[0].outputs[1].name",
    ),
    (
        "valueFromPath: /o}",
        "valueFromPath: /o}, {name: o, valueFromPath: /p}",
        "DuplicateName",
        "p.yaml:6:46: spec.create[0].outputs[1].name",
    ),
    (
        "valueFromSandbox: true}",
        "valueFromSandbox: true}, {name: seed, valueFromSandbox: true, as: {path: /x}}",
        "DuplicateName",
        "p.yaml:13:53: spec.delete[0].inputs[1].name",
    ),
    (
        "valueFromSandbox: true}",
        "valueFromSandbox: true}, {name: x, valueFromSandbox: true, as: {env: SEED}}",
        "DuplicateTarget",
        "p.yaml:13:91: spec.delete[0].inputs[1].as.env",
    ),
    (
        "valueFromSandbox: true",
        "valueFromSandbox: true, as: {env: 'A=B'}",
        "BadEnv",
        "p.yaml:13:56: spec.delete[0].inputs[0].as.env",
    ),
    (
        "valueFromSandbox: true",
        "valueFromSandbox: true, as: {env: SANDBIND_NAME}",
        "ReservedName",
        "p.yaml:13:56: spec.delete[0].inputs[0].as.env",
    ),
    (
        "valueFromSandbox: true",
        "valueFromSandbox: true, as: {path: /sandbind/x}",
        "ReservedName",
        "p.yaml:13:56: spec.delete[0].inputs[0].as.path",
    ),
    (
        "valueFromSandbox: true",
        "valueFromSandbox: false",
        "InputSource",
        "p.yaml:13:14: spec.delete[0].inputs[0]",
    ),
    (
        "valueFromSandbox: true",
        "valueFromSandbox: true, valueFromStep: {name: a, output: o}",
        "InputSource",
        "p.yaml:13:14: spec.delete[0].inputs[0]",
    ),
    (
        "valueFromPath: /o",
        "valueFromPath: /o/",
        "BadPath",
        "p.yaml:6:25: spec.create[0].outputs[0].valueFromPath",
    ),
    (
        "valueFromPath: /o",
        "valueFromPath: /o/../../x",
        "BadPath",
        "p.yaml:6:25: spec.create[0].outputs[0].valueFromPath",
    ),
    (
        "    script: '#!/bin/sh'\n  delete",
        "    script: ''\n  delete",
        "MissingScript",
        "p.yaml:10:5: spec.create[1].script",
    ),
    (
        "    script: '#!/bin/sh'\n  delete",
        "    script: '#! sh'\n  delete",
        "BadScript",
        "p.yaml:10:5: spec.create[1].script",
    ),
    (
        "    script: '#!/bin/sh'\n  delete",
        "    script: \"#!/bin/sh\\r\\n\"\n  delete",
        "BadScript",
        "p.yaml:10:5: spec.create[1].script",
    ),
    // The graph.
    (
        "{name: a, output: o}",
        "{name: z, output: o}",
        "UnknownStep",
        "p.yaml:9:40: spec.create[1].inputs[0].valueFromStep.name",
    ),
    (
        "{name: a, output: o}",
        "{name: a, output: z}",
        "UnknownOutput",
        "p.yaml:9:49: spec.create[1].inputs[0].valueFromStep.output",
    ),
    (
        "{name: a, output: o}",
        "{name: d, output: o}",
        "CrossPhase",
        "p.yaml:9:40: spec.create[1].inputs[0].valueFromStep.name",
    ),
    (
        "{name: a, output: o}}]",
        "{name: b, output: o}}]\n    outputs: [{name: o, valueFromPath: /o}]",
        "Cycle",
        "p.yaml:4:3: spec.create",
    ),
    (
        "  - name: a\n",
        "  - name: a\n    inputs: [{name: w, valueFromStep: {name: b, output: q}}]\n",
        "UnknownOutput",
        "p.yaml:6:49: spec.create[0].inputs[0].valueFromStep.output",
    ),
    // Params.
    (
        "  create:",
        "  params: []\n  create:",
        "UndeclaredParam",
        "p.yaml:14:15: spec.delete[0].inputs[0].name",
    ),
    (
        "  create:",
        "  params: [{name: seed}, {name: seed}]\n  create:",
        "DuplicateName",
        "p.yaml:4:27: spec.params[1].name",
    ),
    (
        "  create:",
        "  params: [{name: seed, pattern: '('}]\n  create:",
        "BadPattern",
        "p.yaml:4:25: spec.params[0].pattern",
    ),
    (
        "  create:",
        "  params: [{name: seed, pattern: 'a+', default: b}]\n  create:",
        "BadDefault",
        "p.yaml:4:40: spec.params[0].default",
    ),
    // Refresh.
    (
        "  delete:",
        "  refresh: {every: 1m, steps: []}\n  delete:",
        "NoRefreshSteps",
        "p.yaml:11:24: spec.refresh.steps",
    ),
    (
        "  delete:",
        "  refresh: {every: 0s, steps: [{name: a, script: '#!/bin/sh'}]}\n  delete:",
        "BadDuration",
        "p.yaml:11:13: spec.refresh.every",
    ),
    (
        "  delete:",
        "  refresh: {steps: [{name: a, script: '#!/bin/sh'}]}\n  delete:",
        "MissingField",
        "p.yaml:11:3: spec.refresh.every",
    ),
    (
        "  delete:",
        "  refresh: {every: 1m, steps: [{name: z, script: '#!/bin/sh'}]}\n  delete:",
        "RefreshStep",
        "p.yaml:11:33: spec.refresh.steps[0].name",
    ),
    (
        "  delete:",
        "  refresh: {every: 1m, steps: [{name: b, script: '#!/bin/sh', outputs: [{name: q, valueFromPath: /q}]}]}\n  delete:",
        "RefreshOutput",
        "p.yaml:11:74: spec.refresh.steps[0].outputs[0].name",
    ),
    (
        "  delete:",
        "  refresh: {every: 1m, steps: [{name: a, script: '#!/bin/sh', inputs: [{name: q, valueFromStep: {name: d, output: q}}]}]}\n  delete:",
        "CrossPhase",
        "p.yaml:11:98: spec.refresh.steps[0].inputs[0].valueFromStep.name",
    ),
    // Access.
    (
        "  create:",
        "  allowedNamespaces: {from: Some}\n  create:",
        "BadWord",
        "p.yaml:4:23: spec.allowedNamespaces.from",
    ),
    (
        "  create:",
        "  allowedNamespaces: {from: Selector}\n  create:",
        "BadSelector",
        "p.yaml:4:3: spec.allowedNamespaces.selector",
    ),
    (
        "  create:",
        "  allowedNamespaces: {from: All, selector: {}}\n  create:",
        "BadSelector",
        "p.yaml:4:34: spec.allowedNamespaces.selector",
    ),
    (
        "  create:",
        "  allowedNamespaces: {from: Selector, selector: {matchLabels: {a: 'b c'}}}\n  create:",
        "BadSelector",
        "p.yaml:4:64: spec.allowedNamespaces.selector.matchLabels.a",
    ),
    (
        "  create:",
        "  limits: {concurrency: 0}\n  create:",
        "BadLimit",
        "p.yaml:4:12: spec.limits.concurrency",
    ),
    ("  create:", "  limits: {linger: forever}\n  create:", "BadDuration", "p.yaml:4:12: spec.limits.linger"),
];

/// The same for the overlay: its text, the code, the place within it.
const OVERLAYS: &[(&str, &str, &str)] = &[
    ("spec: [", "BadOverlay", ""),
    ("hello", "BadOverlay", ""),
    ("spec: {containers: 5}", "BadOverlay", ""),
    ("spec: {containers: [{name: main, env: [{name: A, value: 5}]}]}", "BadOverlay", "spec.containers[0]"),
    ("spec: {containers: [{name: main, envv: []}]}", "UnknownOverlayField", "spec.containers[0].envv"),
    ("template: {}", "UnknownOverlayField", "template"),
    ("spec: {$setElementOrder/containers: []}", "BadDirective", "spec.$setElementOrder/containers"),
    ("spec: {containers: [{name: main, $patch: remove}]}", "BadDirective", "spec.containers[0].$patch"),
    ("spec: {containers: [{name: main, $patch: delete}]}", "OverlayConflict", "spec.containers[0]"),
    ("spec: {hostNetwork: true}", "OverlayRefused", "spec.hostNetwork"),
    ("spec: {hostPID: true}", "OverlayRefused", "spec.hostPID"),
    ("spec: {hostIPC: true}", "OverlayRefused", "spec.hostIPC"),
    ("spec: {shareProcessNamespace: true}", "OverlayRefused", "spec.shareProcessNamespace"),
    ("spec: {nodeName: n1}", "OverlayRefused", "spec.nodeName"),
    ("spec: {runtimeClassName: kata}", "OverlayRefused", "spec.runtimeClassName"),
    ("spec: {restartPolicy: Always}", "OverlayRefused", "spec.restartPolicy"),
    ("spec: {volumes: [{name: v, hostPath: {path: /}}]}", "OverlayRefused", "spec.volumes[0].hostPath"),
    (
        "spec: {containers: [{name: main, securityContext: {privileged: true}}]}",
        "OverlayRefused",
        "spec.containers[0].securityContext.privileged",
    ),
    (
        "spec: {containers: [{name: main, securityContext: {capabilities: {add: [NET_ADMIN]}}}]}",
        "OverlayRefused",
        "spec.containers[0].securityContext.capabilities.add",
    ),
    (
        "spec: {initContainers: [{name: i, image: x, securityContext: {privileged: true}}]}",
        "OverlayRefused",
        "spec.initContainers[0].securityContext.privileged",
    ),
    (
        "spec: {containers: [{name: main, ports: [{containerPort: 1, hostPort: 1}]}]}",
        "OverlayRefused",
        "spec.containers[0].ports[0].hostPort",
    ),
    (
        "spec: {containers: [{name: main, livenessProbe: {httpGet: {port: 1, host: h}}}]}",
        "OverlayRefused",
        "spec.containers[0].livenessProbe.httpGet.host",
    ),
    (
        "spec: {securityContext: {seccompProfile: {type: Unconfined}}}",
        "OverlayRefused",
        "spec.securityContext.seccompProfile.type",
    ),
    ("metadata: {name: x}", "OverlayRefused", "metadata.name"),
    ("metadata: {finalizers: [a/b]}", "OverlayRefused", "metadata.finalizers"),
    ("metadata: {namespace: x}", "OverlayConflict", "metadata.namespace"),
    ("metadata: {labels: {sandbind.dev/sandbox: x}}", "ReservedName", "metadata.labels.sandbind.dev/sandbox"),
    ("spec: {containers: [{name: main, image: other}]}", "OverlayConflict", "spec.containers[0].image"),
    ("spec: {containers: [{name: main, command: [sh]}]}", "OverlayConflict", "spec.containers[0].command"),
    ("spec: {containers: [{image: x}]}", "MissingName", "spec.containers[0]"),
    ("spec: {containers: [{name: other}]}", "OverlayContainer", "spec.containers[0]"),
    ("spec: {containers: [{name: main}, {name: main}]}", "DuplicateName", "spec.containers[1].name"),
    (
        "spec: {containers: [{name: signadot-execunit-output-manager, image: x}]}",
        "ReservedName",
        "spec.containers[0].name",
    ),
    (
        "spec: {initContainers: [{name: sandbind-agent, image: x}]}",
        "ReservedName",
        "spec.initContainers[0].name",
    ),
    ("spec: {volumes: [{name: signadot-execunit-io, emptyDir: {}}]}", "ReservedName", "spec.volumes[0].name"),
    (
        "spec: {containers: [{name: main, env: [{name: SANDBIND_TOKEN_PATH, value: x}]}]}",
        "ReservedName",
        "spec.containers[0].env[0].name",
    ),
    (
        "spec: {volumes: [{name: v, emptyDir: {}}], containers: [{name: main, volumeMounts: [{name: v, mountPath: /sandbind}]}]}",
        "ReservedName",
        "spec.containers[0].volumeMounts[0].mountPath",
    ),
    (
        "spec: {initContainers: [{name: i, image: x, volumeMounts: [{name: sandbind-token, mountPath: /t}]}]}",
        "ReservedName",
        "spec.initContainers[0].volumeMounts[0].name",
    ),
];

#[test]
fn every_wrong_document_is_refused_with_code_and_place() {
    let mut wrong = Vec::new();
    for (from, to, code, place) in CASES {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let Err(problems) = read_text(&text) else {
            wrong.push(format!("accepted: {to}"));
            continue;
        };
        let errors: Vec<_> = problems.iter().filter(|problem| problem.is_error()).collect();
        let told: Vec<_> =
            errors.iter().map(|problem| (problem.code.as_str(), problem.place.as_str())).collect();
        if told != [(*code, *place)] {
            wrong.push(format!("{to}\n  expected {:?}\n  got      {told:?}", (code, place)));
        }
        assert!(
            errors.iter().all(|problem| !problem.reason.is_empty() && !problem.way_out.is_empty()),
            "{errors:?}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_warning_about_a_field_hides_no_error_about_it() {
    let text = GOOD.replace("  - name: d\n", "  - name: d\n    sIGNAL: SIGTERM\n    signal: TERM\n");
    let problems = read_text(&text).unwrap_err();
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["KeyCase", "DuplicateKey", "BadSignal"], "{problems:#?}");
}

#[test]
fn every_wrong_overlay_is_refused_with_code_and_place() {
    let mut wrong = Vec::new();
    for (overlay, code, place) in OVERLAYS {
        let text = GOOD.replace("{image: i}", &format!("{{image: i, podTemplateOverlay: {overlay:?}}}"));
        let Err(problems) = read_text(&text) else {
            wrong.push(format!("accepted: {overlay}"));
            continue;
        };
        let told: Vec<_> = problems
            .iter()
            .filter(|problem| problem.is_error())
            .map(|p| (p.code.as_str(), p.place.as_str()))
            .collect();
        let outer = "spec.runner.podTemplateOverlay";
        let path = if place.is_empty() { outer.to_owned() } else { format!("{outer}: {place}") };
        let [(told_code, told)] = told.as_slice() else {
            wrong.push(format!("{overlay}\n  expected {code} at {path}\n  got      {told:?}"));
            continue;
        };
        // The place is within the overlay: at the field that is named, or what is around it.
        let at = told.strip_suffix(&format!(": {path}")).and_then(|at| at.strip_prefix("p.yaml:3:"));
        let column: usize = at.and_then(|at| at.parse().ok()).unwrap_or(0);
        let here = text.lines().nth(2).unwrap().get(column.saturating_sub(1)..).unwrap();
        let word = here.split(':').next().unwrap_or_default();
        let stands = if place.ends_with(']') { here.starts_with('{') } else { place.ends_with(word) };
        let is_there = !place.is_empty() && overlay.contains(place.rsplit('.').next().unwrap_or_default());
        if told_code != code || column < 42 || (is_there && !stands) {
            wrong.push(format!(
                "{overlay}\n  expected {code} at {path}\n  got      {told_code} at {told}: {here}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn wrong_objects_are_refused() {
    let object = "apiVersion: sandbind.dev/v1alpha1\nkind: ResourcePlugin\nmetadata: {name: p-1.0.0}\nspec:\n  name: p\n  version: 1.0.0\n  \
                  runner: {image: i}\n  create: [{name: a, script: '#!/bin/sh'}]\n  delete: [{name: d, script: '#!/bin/sh'}]\n";
    assert_eq!(read_text(object).unwrap().warnings, []);
    for (from, to, code, place) in [
        ("v1alpha1", "v1", "WrongKind", "p.yaml:1:1: apiVersion"),
        ("ResourcePlugin", "Plugin", "WrongKind", "p.yaml:2:1: kind"),
        ("name: p-1.0.0", "name: p", "WrongObjectName", "p.yaml:3:12: metadata.name"),
        ("{name: p-1.0.0}", "{}", "MissingName", "p.yaml:3:1: metadata.name"),
        ("version: 1.0.0", "version: v1", "BadVersion", "p.yaml:6:3: spec.version"),
        ("version: 1.0.0", "version: 1.0", "WrongType", "p.yaml:6:3: spec.version"),
        ("  name: p\n", "", "MissingField", "p.yaml:4:1: spec.name"),
    ] {
        let text = object.replacen(from, to, 1);
        let problems = read_text(&text).unwrap_err();
        let first = problems.iter().find(|problem| problem.is_error()).unwrap();
        assert_eq!((first.code.as_str(), first.place.as_str()), (code, place), "{to}: {problems:?}");
    }
}
