//! Rotation while in use: new files within seconds, the old ones complete until the swap.

mod app;
mod postgres;

use super::support::{
    Latch, Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, deployment, pod, token_refresh},
    holds,
};

fn files_binding(plugin: &str) -> String {
    let files = "linger: 1s\nfiles: [{path: /bindings/db, resource: db}]";
    binding(plugin, files)
        .replace("outputKey: make.url", "outputKey: make.token")
        .replace("DB_URL", "DB_TOKEN")
}

#[test]
fn refreshed_outputs_reach_running_pods_new_pods_and_restarted_containers() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::with("", "", &token_refresh("10s"));
    shop.apply(&files_binding(&plugin.name));
    shop.create(&pod("a", "pr-1")).unwrap();
    shop.ready_pod("app=a", 120);
    let file = |pod: &str| shop.exec(pod, "app", &["cat", "/bindings/db/make.token"]);
    let env = |pod: &str| shop.exec(pod, "app", &["sh", "-c", "echo -n $DB_TOKEN"]);
    let at_start = env("a").unwrap();
    let fresh = eventually("a refreshed token in the file", 60, || {
        let token = file("a")?;
        if token != at_start && token.starts_with("token-") { Ok(token) } else { Err(token) }
    });
    assert!(!fresh.ends_with('\n'), "byte for byte");
    assert_eq!(shop.exec("a", "app", &["cat", "/bindings/db/make.url"]).unwrap().get(..7), Some("made://"));
    assert_eq!(env("a").unwrap(), at_start, "the env of a running container stands");

    // A container that ends and is started anew reads the Secret anew; the files are the pod's.
    // The answer may be that the container ended under the command.
    let _ = shop.exec("a", "app", &["kill", "1"]);
    let restarted = eventually("the container runs again with a newer token in its env", 60, || {
        let pod = shop.json(&["pod", "a"]);
        let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
        let token = env("a")?;
        if *restarts == 1 && token != at_start {
            Ok(token)
        } else {
            Err(format!("{restarts} restarts, {token}"))
        }
    });
    // Which one depends on when the kubelet read the Secret; all but the first are a refresh's.
    assert!(restarted.starts_with("token-"), "{restarted}");

    // A new pod starts with a token that a refresh made.
    shop.create(&pod("b", "pr-1")).unwrap();
    shop.ready_pod("app=b", 120);
    let of_new = env("b").unwrap();
    assert!(of_new != at_start && of_new.starts_with("token-"), "{of_new}");
    shop.kubectl(&["delete", "pod", "a", "b"]);
    shop.nothing_left(120);
}

#[test]
fn scaled_to_zero_during_a_refresh_nothing_is_left() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let latch = Latch::new();
    let wait = format!("      {}\n", latch.wait());
    let plugin = Plugin::unapplied();
    let note = |phase: &str| {
        format!(
            "      psql -qc \"insert into effects (plugin, phase) values ('{}', '{phase}')\"\n",
            plugin.name
        )
    };
    let slow = token_refresh("3s") + &note("refresh-begins") + &wait + &note("refresh-ends");
    plugin.change("", "", &slow);
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 1));
    shop.ready_pod("app=web", 120);
    let record = shop.instance("pr-1", "db").unwrap();
    eventually("the refresh runs", 60, || match ledger.count(&plugin.name, "refresh-begins") {
        0 => Err("not yet"),
        _ => Ok(()),
    });
    shop.kubectl(&["scale", "deployment/web", "--replicas=0"]);
    eventually("no pod is left", 60, || {
        let pods = shop.json(&["pods"]);
        if pods["items"].as_array().is_none_or(Vec::is_empty) {
            Ok(())
        } else {
            Err(shop.seen("still there"))
        }
    });
    holds("no delete step runs beside the refresh", 4, || match ledger.count(&plugin.name, "delete") {
        0 => Ok(()),
        _ => Err("it ran"),
    });
    latch.open();
    shop.nothing_left(120);
    shop.no_trace_of(record["metadata"]["name"].as_str().unwrap(), 30);
    let order =
        ledger.sql(&format!("select phase from effects where plugin = '{}' order by at", plugin.name));
    assert_eq!(
        order.unwrap().lines().collect::<Vec<_>>(),
        ["create", "refresh-begins", "refresh-ends", "delete"]
    );
}
