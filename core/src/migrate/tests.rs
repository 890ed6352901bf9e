use serde_json::json;

use super::*;
use crate::yaml;

const OLD: &str = "\
name: pr-1
spec:
  resources:
  - {name: db, plugin: mariadb@1.2.0, params: {dbname: t}}
  forks:
  - forkOf: {kind: Deployment, namespace: shop, name: orders}
    customizations:
      env:
      - {name: HOST, valueFrom: {resource: {name: db, outputKey: provision.host}}}
";

fn read(text: &str) -> Result<Migrated, Vec<Problem>> {
    migrate(&yaml::read_first(text, "f.yaml").unwrap())
}

fn specs(text: &str) -> Vec<Value> {
    read(text).unwrap().objects.iter().map(|object| object["spec"].clone()).collect()
}

/// Codes and places of everything that is told.
fn told(text: &str) -> Vec<(String, String)> {
    let problems = read(text).map_or_else(|problems| problems, |migrated| migrated.warnings);
    assert!(problems.iter().all(|problem| !problem.way_out.is_empty()), "{problems:#?}");
    problems.into_iter().map(|problem| (problem.code, problem.place)).collect()
}

#[test]
fn a_sandbox_document_becomes_a_binding_and_a_sandbox() {
    let migrated = read(OLD).unwrap();
    let version = "sandbind.dev/v1alpha1";
    assert_eq!(
        migrated.objects,
        [
            json!({"apiVersion": version, "kind": "ResourceBinding", "metadata": {"name": "orders", "namespace": "shop"},
                "spec": {"selector": {"matchLabels": {"app": "orders"}},
                    "resources": [{"name": "db", "plugin": "mariadb@1.2.0"}],
                    "env": [{"name": "HOST", "valueFrom": {"resource": {"name": "db", "outputKey": "provision.host"}}}]}}),
            json!({"apiVersion": version, "kind": "Sandbox", "metadata": {"name": "pr-1", "namespace": "shop"},
                "spec": {"params": {"db": {"dbname": "t"}}, "prepare": ["db"]}}),
        ]
    );
    assert_eq!(told(OLD), [("SelectorGuessed".to_owned(), "f.yaml:6:5: spec.forks[0].forkOf".to_owned())]);
}

/// What is replaced in [`OLD`], by what, the code, and the place.
const TOLD: &[(&str, &str, &str, &str)] = &[
    ("spec:", "spec:\n  cluster: c", "NotMigrated", "3:3: spec.cluster"),
    ("spec:", "spec:\n  description: d", "NotMigrated", "3:3: spec.description"),
    ("spec:", "spec:\n  endpoints: [{name: a}]", "NotMigrated", "3:3: spec.endpoints"),
    ("spec:", "spec:\n  sidecars: []", "NotMigrated", "3:3: spec.sidecars"),
    ("spec:", "spec:\n  labels: {'a b': c}", "NotMigrated", "3:12: spec.labels.a b"),
    (
        "spec:",
        "spec:\n  ttl: {duration: 1h, offsetFrom: updatedAt}",
        "NotMigrated",
        "3:23: spec.ttl.offsetFrom",
    ),
    (
        "    customizations:",
        "    customizations:\n      patch: x",
        "NotMigrated",
        "8:7: spec.forks[0].customizations.patch",
    ),
    (
        "      env:",
        "      env:\n      - {name: A, operation: delete}",
        "NotMigrated",
        "9:9: spec.forks[0].customizations.env[0]",
    ),
    (
        "      env:",
        "      env:\n      - {name: A, valueFrom: {secret: {name: s}}}",
        "NotMigrated",
        "9:9: spec.forks[0].customizations.env[0]",
    ),
    (
        "      env:",
        "      env:\n      - {name: A, container: b, value: c}",
        "NotMigrated",
        "9:9: spec.forks[0].customizations.env[0]",
    ),
    ("name: pr-1", "name: PR-1", "NameChanged", "1:1: name"),
    ("{name: db, plugin", "{name: usersDb, plugin", "NameChanged", "4:6: spec.resources[0].name"),
    ("resources:", "Resources:", "KeyCase", "3:3: spec.Resources"),
];

#[test]
fn what_has_no_counterpart_is_told_at_its_line() {
    for (what, by, code, place) in TOLD {
        let text = OLD.replacen(what, by, 1).replace(
            "{resource: {name: db",
            if by.contains("usersDb") { "{resource: {name: usersDb" } else { "{resource: {name: db" },
        );
        let migrated = read(&text);
        assert!(migrated.is_ok(), "{by}: {migrated:#?}");
        let all = told(&text);
        assert!(all.contains(&((*code).to_owned(), format!("f.yaml:{place}"))), "{by}: {all:#?}");
    }
}

/// The same for what is refused.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("name: pr-1", "kind: Sandbox", "WrongKind", "1:1"),
    ("spec:", "spec:\n  create: []", "WrongKind", "1:1"),
    ("name: pr-1", "nam: pr-1", "MissingName", "1:1: name"),
    ("name: pr-1", "name: '-'", "InvalidSandboxName", "1:1: name"),
    ("plugin: mariadb@1.2.0, ", "", "MissingField", "4:5: spec.resources[0].plugin"),
    ("mariadb@1.2.0", "mariadb@1.2.0.0", "InvalidReference", "4:16: spec.resources[0].plugin"),
    ("{dbname: t}", "{dbname: 5}", "WrongType", "4:48: spec.resources[0].params.dbname"),
    ("{dbname: t}", "[{name: dbname}]", "WrongType", "4:39: spec.resources[0].params"),
    ("resources:", "resource:", "OldSpelling", "3:3: spec.resource"),
    (
        "provision.host",
        "host",
        "InvalidOutputKey",
        "9:55: spec.forks[0].customizations.env[0].valueFrom.resource.outputKey",
    ),
    (
        "{resource: {name: db",
        "{resource: {name: dc",
        "UnknownResource",
        "9:45: spec.forks[0].customizations.env[0].valueFrom.resource.name",
    ),
    ("name: HOST", "name: A B", "InvalidEnvName", "9:10: spec.forks[0].customizations.env[0].name"),
    ("name: HOST,", "name: HOST, value: x,", "EnvAmbiguous", "9:9: spec.forks[0].customizations.env[0]"),
    ("spec:", "spec:\n  ttl: {duration: 1s}", "TtlTooShort", "3:9: spec.ttl.duration"),
    ("spec:", "spec:\n  ttl: {duration: soon}", "BadDuration", "3:9: spec.ttl.duration"),
    ("spec:", "spec:\n  ttl: {duration: 1h, offsetFrom: never}", "BadWord", "3:23: spec.ttl.offsetFrom"),
    (
        "forkOf: {kind: Deployment, namespace: shop, name: orders}",
        "forkOf: {kind: Deployment}",
        "MissingField",
        "6:5: spec.forks[0].forkOf.name",
    ),
];

#[test]
fn what_is_wrong_is_refused_at_its_line() {
    for (what, by, code, place) in REFUSED {
        let text = OLD.replacen(what, by, 1);
        let Err(problems) = read(&text) else { panic!("{by} is accepted") };
        let errors: Vec<_> = problems.iter().filter(|problem| problem.is_error()).collect();
        assert!(
            errors.iter().any(|problem| problem.code == *code && problem.place == format!("f.yaml:{place}")),
            "{by}: {errors:#?}"
        );
    }
    assert_eq!(told("name: a\nspec: {}\n")[0].0, "NoResources");
    assert_eq!(told("[a]\n")[0].0, "BadPlugin");
}

#[test]
fn each_container_that_is_named_gets_a_binding() {
    let text = OLD.replace("{name: HOST,", "{name: HOST, container: app,")
        + "      - {name: PORT, valueFrom: {resource: {name: db, outputKey: provision.port}}}\n      - {name: URL, container: app, value: '$(HOST)$(sandbox)$$(namespace)'}\n";
    let specs = specs(&text);
    assert_eq!(specs.len(), 3);
    assert_eq!(specs[0]["env"][0]["name"], "PORT");
    assert!(specs[0].get("containers").is_none());
    assert_eq!(specs[1]["containers"], json!(["app"]));
    assert_eq!(specs[1]["env"][1]["value"], "$(HOST)$$(sandbox)$$(namespace)");
}

#[test]
fn local_files_become_folders_and_unused_resources_are_made() {
    let text = "\
name: a
spec:
  resources: [{name: db, plugin: p}, {name: Q, plugin: q, params: {x: a$$}}, {name: q, plugin: q}]
  labels: {team: a}
  local:
  - name: laptop
    files:
    - {path: /all, valueFrom: {resource: {name: db, outputKey: ''}}}
    - {path: /one/host, valueFrom: {resource: {name: db, outputKey: a.host}}}
    - {path: /one/port, valueFrom: {resource: {name: db, outputKey: a.port}}}
";
    let migrated = read(text).unwrap();
    let binding = &migrated.objects[0];
    assert_eq!(binding["metadata"], json!({"name": "laptop"}));
    assert_eq!(
        binding["spec"]["files"],
        json!([{"path": "/all", "resource": "db"}, {"path": "/one", "resource": "db",
            "items": [{"outputKey": "a.host", "path": "host"}, {"outputKey": "a.port", "path": "port"}]}])
    );
    let sandbox = &migrated.objects[1];
    assert_eq!(sandbox["metadata"], json!({"name": "a", "labels": {"team": "a"}}));
    assert_eq!(sandbox["spec"], json!({"params": {"q": {"x": "a$$$$"}}, "prepare": ["db", "q", "q-2"]}));
    let only = read("name: a\nspec: {resources: [{name: db, plugin: p}]}\n").unwrap();
    assert_eq!(
        only.objects[0]["spec"],
        json!({"selector": {}, "resources": [{"name": "db", "plugin": "p"}]})
    );
}

#[test]
fn workloads_of_one_name_and_of_several_namespaces_are_kept_apart() {
    let fork = OLD.split_once("  forks:\n").unwrap().1;
    let text = format!("{OLD}{fork}{}", fork.replace("namespace: shop", "namespace: other"));
    let migrated = read(&text).unwrap();
    let names: Vec<String> = migrated
        .objects
        .iter()
        .map(|object| format!("{} {}", object["metadata"]["namespace"], object["metadata"]["name"]))
        .collect();
    assert_eq!(
        names,
        [
            "\"other\" \"orders\"",
            "\"shop\" \"orders\"",
            "\"shop\" \"orders-2\"",
            "\"other\" \"pr-1\"",
            "\"shop\" \"pr-1\""
        ]
    );
    assert!(migrated.warnings.iter().any(|problem| problem.code == "SeveralNamespaces"));
}
