//! How often the API server calls the webhook: once per labelled pod, never for another, again after other webhooks.

use super::{
    super::support::{
        Ledger, Namespace, audit, eventually,
        fixtures::{Plugin, binding, deployment, pod},
        kubectl::kubectl_with,
        second_webhook::SecondWebhook,
    },
    sidecars,
};

/// Name of the webhook that binds pods, as the API server knows it.
const WEBHOOK: &str = "pods.sandbind.dev";

const JOB: &str = r#"apiVersion: batch/v1
kind: Job
metadata: {name: job}
spec:
  template:
    metadata: {labels: {app: job, sandbind.dev/sandbox: "pr-1"}}
    spec:
      restartPolicy: Never
      containers: [{name: app, image: "localhost/test:1", command: ["true"]}]
"#;

#[test]
fn the_webhook_is_called_once_for_each_labelled_pod_and_never_for_another() {
    Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.create(&pod("first", "pr-1")).unwrap();
    shop.ready_pod("app=first", 120);
    let plain = |yaml: &str| yaml.replace(", sandbind.dev/sandbox: \"pr-1\"", "");
    let set = |name: &str| {
        deployment(name, "pr-1", 1)
            .replace("kind: Deployment", "kind: StatefulSet")
            .replace("  replicas:", &format!("  serviceName: {name}\n  replicas:"))
    };
    for labelled in [deployment("web", "pr-1", 2), set("set"), JOB.to_owned()] {
        shop.apply(&labelled);
    }
    for unlabelled in [deployment("plain-web", "pr-1", 2), set("plain-set"), JOB.replace("job", "plain-job")]
    {
        shop.apply(&plain(&unlabelled));
    }
    shop.create(&plain(&pod("plain-bare", "pr-1"))).unwrap();
    let created = audit::created_pods(&shop.name, 10);
    assert_eq!(created.len(), 10, "{created:?}");
    for one in &created {
        let calls = one.calls_of(WEBHOOK);
        println!("{:<28} {calls} calls", one.pod);
        assert_eq!(calls, usize::from(!one.pod.starts_with("plain-")), "{one:?}");
    }
    assert_eq!(created.iter().filter(|one| one.pod.starts_with("plain-")).count(), 5, "{created:?}");
    assert!(shop.json(&["pod", "plain-bare"])["spec"]["initContainers"].is_null());
    shop.kubectl(&["delete", "deployment,statefulset,job,pod", "--all", "--grace-period=1"]);
    shop.nothing_left(120);
}

#[test]
fn called_again_after_another_webhook_it_adds_nothing_twice() {
    let ledger = Ledger::get();
    let plugin = Plugin::new("", "");
    let shop = Namespace::new();
    let second = SecondWebhook::serve_for(&shop);
    shop.apply(&format!(
        "{}  files: [{{path: /bindings/db, resource: db}}]\n",
        binding(&plugin.name, "linger: 1s")
    ));
    eventually("the API server knows the second webhook", 60, || {
        let shown = kubectl_with(
            &["-n", &shop.name, "create", "--dry-run=server", "-o", "yaml", "-f", "-"],
            &pod("a", "pr-1"),
        );
        if shown.stdout.contains("name: later") { Ok(()) } else { Err(format!("{shown:?}")) }
    });
    shop.create(&pod("a", "pr-1")).unwrap();
    let made = shop.json(&["pod", "a"]);
    let held = shop.instance("pr-1", "db").unwrap()["status"]["reservations"].as_array().map_or(0, Vec::len);
    let created = audit::created_pods(&shop.name, 1).pop().unwrap();
    let calls = &created.calls;
    let ours: Vec<bool> =
        calls.iter().filter(|(name, _)| name == WEBHOOK).map(|(_, mutated)| *mutated).collect();
    assert_eq!(ours, [true, true], "once, and again for the container that came later: {calls:?}");
    assert_eq!(created.calls_of(SecondWebhook::WEBHOOK), 1, "{calls:?}");
    assert_eq!(sidecars(second.seen().last().unwrap()).len(), 1, "it came after ours");

    let init = made["spec"]["initContainers"].as_array().unwrap();
    let names: Vec<&str> = init.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["sandbind-binder", "later"]);
    let names_of = |list: &serde_json::Value, key: &str| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    let count = |all: &[String], wanted: &str| all.iter().filter(|one| *one == wanted).count();
    for container in [&init[1], &made["spec"]["containers"][0]] {
        assert_eq!(count(&names_of(&container["env"], "name"), "DB_URL"), 1, "{container}");
        assert_eq!(
            count(&names_of(&container["volumeMounts"], "mountPath"), "/bindings/db"),
            1,
            "{container}"
        );
    }
    let volumes = names_of(&made["spec"]["volumes"], "name");
    assert!(volumes.iter().all(|name| count(&volumes, name) == 1), "{volumes:?}");
    assert_eq!(count(&volumes, "sandbind-files"), 1, "{volumes:?}");
    assert!(held <= 1, "{held} holds of one pod");
    shop.ready_pod("app=a", 120);
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
    shop.kubectl(&["delete", "pod", "a", "--grace-period=1"]);
    shop.nothing_left(90);
}
