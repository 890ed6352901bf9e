use insta::{assert_snapshot, with_settings};

use crate::support::{sandbind, sandbind_with};

pub(crate) const PLUGIN: &str = "\
name: postgres@1.2.0
spec:
  runner: {image: localhost/psql:1}
  create:
  - name: provision
    inputs: [{name: seed, valueFromSandbox: true}]
    outputs: [{name: url, valueFromPath: /tmp/url}]
    script: |
      #!/bin/sh
      echo postgres://x > /tmp/url
  delete:
  - name: deprovision
    script: 'true'
";

pub(crate) const BINDING: &str = "\
---
apiVersion: sandbind.dev/v1alpha1
kind: ResourceBinding
metadata: {name: orders, namespace: shop}
spec:
  resources: [{name: db, plugin: postgres@^1}]
  env:
  - {name: DATABASE_URL, valueFrom: {resource: {name: db, outputKey: provision.url}}}
";

pub(crate) const POD: &str = "\
---
apiVersion: v1
kind: Pod
metadata: {name: orders, namespace: shop, labels: {sandbind.dev/sandbox: pr-1}}
spec: {containers: [{name: app, image: app}]}
";

#[test]
fn help_names_every_command() {
    assert_snapshot!("help", sandbind(&["--help"]).text());
    for noun in ["plugin", "sandbox", "orphans"] {
        assert_snapshot!(format!("help-{noun}"), sandbind(&[noun, "--help"]).text());
    }
    assert_snapshot!("help-wait", sandbind(&["sandbox", "wait", "--help"]).text());
}

#[test]
fn wrong_usage_ends_with_2_and_says_nothing_on_stdout() {
    for arguments in [
        &["frobnicate"][..],
        &[],
        &["sandbox", "wait"],
        &["sandbox", "wait", "x", "--timeout", "soon"],
        &["sandbox", "wait", "x", "--for", "lunch"],
        &["plugin", "validate"],
        &["install", "--default-ttl", "2 days"],
        &["orphans", "forget", "x"],
        &["-o", "xml", "sandbox", "list"],
    ] {
        let ended = sandbind(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.is_empty());
    }
}

#[test]
fn without_a_cluster_the_way_out_is_told() {
    let ended = sandbind(&["sandbox", "list"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert!(ended.stderr.contains("error: NoCluster:") && ended.stderr.contains("--kubeconfig"), "{ended:?}");
}

#[test]
fn a_valid_plugin_ends_with_0_a_broken_one_with_1_and_every_problem_has_its_place() {
    let valid = sandbind_with(&["plugin", "validate", "-f", "-"], PLUGIN);
    assert_eq!((valid.code, valid.stdout.as_str()), (0, ""), "{valid:?}");
    let broken = PLUGIN
        .replace("name: deprovision", "nam: deprovision")
        .replace("provision\n    inputs", "1st\n    inputs");
    assert_snapshot!("validate-broken", sandbind_with(&["plugin", "validate", "-f", "-"], &broken).text());
    let json = sandbind_with(&["plugin", "validate", "-f", "-", "-o", "json"], &broken);
    assert_eq!((json.code, json.stderr.as_str()), (1, ""));
    let answer: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(answer["ok"], false);
    for problem in answer["problems"].as_array().unwrap() {
        for part in ["code", "place", "reason", "wayOut"] {
            assert!(!problem[part].as_str().unwrap().is_empty(), "{problem}");
        }
    }
}

#[test]
fn strict_refuses_what_is_otherwise_a_warning() {
    let twice = PLUGIN.replace("name: postgres@1.2.0\n", "name: postgres@1.0.0\nname: postgres@1.2.0\n");
    let lenient = sandbind_with(&["plugin", "validate", "-f", "-"], &twice);
    assert_eq!(lenient.code, 0);
    assert!(lenient.stderr.contains("warning: "), "{lenient:?}");
    assert_eq!(sandbind_with(&["plugin", "validate", "--strict", "-f", "-"], &twice).code, 1);
}

#[test]
fn a_document_rendered_as_an_object_and_back_says_the_same() {
    let object = sandbind_with(&["plugin", "render", "-f", "-"], PLUGIN);
    assert_snapshot!("render-object", object.text());
    let back = sandbind_with(&["plugin", "render", "-f", "-", "--as", "document"], &object.stdout);
    let direct = sandbind_with(&["plugin", "render", "-f", "-", "--as", "document"], PLUGIN);
    assert_eq!(back.stdout, direct.stdout);
}

#[test]
fn inject_answers_as_an_admission_would() {
    let stack = format!("{PLUGIN}{BINDING}{POD}");
    let injected = sandbind_with(&["inject", "-f", "-", "--image", "sandbind:test"], &stack);
    assert_snapshot!("inject", injected.text());
    let again = sandbind_with(
        &["inject", "-f", "-", "--image", "sandbind:test"],
        &format!("{PLUGIN}{BINDING}---\n{}", injected.stdout),
    );
    assert_eq!(again.stdout, injected.stdout, "what is injected twice is injected once");
}

#[test]
fn inject_says_what_stands_against_a_pod() {
    let no_plugin = format!("{BINDING}{POD}");
    assert_snapshot!("inject-no-plugin", sandbind_with(&["inject", "-f", "-"], &no_plugin).text());
    let no_binding = format!("{PLUGIN}{POD}");
    assert_snapshot!("inject-no-binding", sandbind_with(&["inject", "-f", "-"], &no_binding).text());
    let no_label = format!("{PLUGIN}{BINDING}{}", POD.replace("sandbind.dev/sandbox", "app"));
    let passed = sandbind_with(&["inject", "-f", "-", "-o", "json", "--patch"], &no_label);
    assert_eq!((passed.code, passed.stdout.trim()), (0, "[]"));
    assert!(passed.stderr.contains("Unlabelled"), "{passed:?}");
    assert_eq!(sandbind_with(&["inject", "-f", "-"], PLUGIN).code, 2);
}

#[test]
fn completion_is_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbind(&["completion", shell]);
        assert_eq!(script.code, 0);
        assert!(script.stdout.contains("sandbox"), "{shell}");
    }
}

#[test]
fn an_installation_prints_as_yaml_and_as_a_list() {
    let yaml = sandbind(&["install", "--image", "localhost/sandbind:dev"]);
    assert_eq!((yaml.code, yaml.stderr.as_str()), (0, ""));
    assert!(yaml.stdout.contains("localhost/sandbind:dev"));
    let json = sandbind(&[
        "install",
        "-o",
        "json",
        "-n",
        "elsewhere",
        "--step-namespace",
        "a",
        "b",
        "--bind-window",
        "5s",
    ]);
    let list: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), yaml.stdout.matches("\n---\n").count() + 1 + 4);
    assert!(
        json.stdout.contains("--bind-window=5s") && json.stdout.contains("system:serviceaccount:elsewhere:")
    );
}

#[test]
fn rights_are_as_they_were_agreed() {
    let json = sandbind(&["install", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let rights: Vec<String> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| object["kind"].as_str().unwrap().ends_with("Role"))
        .flat_map(|object| {
            let words = |value: &serde_json::Value| {
                value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|word| word.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            let title = format!(
                "{} {}{}",
                object["kind"].as_str().unwrap(),
                object["metadata"]["namespace"]
                    .as_str()
                    .map(|namespace| format!("{namespace}/"))
                    .unwrap_or_default(),
                object["metadata"]["name"].as_str().unwrap()
            );
            object["rules"]
                .as_array()
                .unwrap()
                .iter()
                .map(move |rule| {
                    let names = words(&rule["resourceNames"]);
                    let names = if names.is_empty() { names } else { format!(" ({names})") };
                    format!(
                        "{title} | {} {}{names} | {}",
                        words(&rule["apiGroups"]),
                        words(&rule["resources"]),
                        words(&rule["verbs"])
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect();
    with_settings!({omit_expression => true}, { assert_snapshot!("rights", rights.join("\n")) });
}

#[test]
fn what_is_written_to_start_from_is_right_by_the_strictest_reading() {
    for from in ["shell", "postgres", "opentofu", "helm", "kubernetes"] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("orders-db").display().to_string();
        let init = ["plugin", "init", "orders-db", "--from", from, "--directory", &at];
        let written = sandbind(&init);
        assert_eq!(written.code, 0, "{}", written.text());
        let plugin = format!("{at}/plugin.yaml");
        let valid = sandbind(&["plugin", "validate", "--strict", "-f", &plugin]);
        assert_eq!((valid.code, valid.stderr.as_str()), (0, "orders-db@0.1.0 is valid\n"), "{from}");
        let binding = format!("{at}/binding.yaml");
        let pod = folder.path().join("pod.yaml");
        std::fs::write(&pod, "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {sandbind.dev/sandbox: pr-1}}\nspec: {containers: [{name: app, image: app}]}\n").unwrap();
        let injected = sandbind(&["inject", "-f", &pod.display().to_string(), "-f", &plugin, "-f", &binding]);
        assert_eq!(injected.code, 0, "{from}: {}", injected.text());
        let again = sandbind(&init);
        assert!(
            again.code == 1 && again.stderr.contains("CannotWrite"),
            "nothing is overwritten: {}",
            again.text()
        );
    }
    let wrong = sandbind(&["plugin", "init", "Orders_DB"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("BadName"), "{}", wrong.text());
}

#[test]
fn a_code_is_explained_and_one_that_there_is_not_is_corrected() {
    assert_snapshot!("explain", sandbind(&["explain", "UnknownField"]).text());
    assert_snapshot!("explain-unknown", sandbind(&["explain", "UnknownFeild"]).text());
    let all = sandbind(&["explain"]);
    assert!(all.code == 0 && all.stdout.lines().count() > 100);
}

#[test]
fn findings_are_told_as_sarif_with_a_rule_for_each_code() {
    let broken = "name: x\nspec:\n  runner: {image: i}\n  create:\n  - nam: a\n    script: \"#!/bin/sh\"\n";
    let told = sandbind_with(&["plugin", "validate", "-o", "sarif", "-f", "-"], broken);
    let sarif: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    assert_eq!((told.code, &result["ruleId"]), (1, &"UnknownField".into()));
    let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!(
        (&region["startLine"], &region["startColumn"], &region["endColumn"]),
        (&5.into(), &5.into(), &8.into())
    );
    let elsewhere = sandbind(&["explain", "-o", "sarif"]);
    assert!(elsewhere.code == 2 && elsewhere.stderr.contains("WrongFormat"), "{}", elsewhere.text());
}
