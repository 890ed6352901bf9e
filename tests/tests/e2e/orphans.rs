//! A removal that does not succeed: said loudly, given to a person, and never given up. And what a tenant may do alone.

use jiff::Timestamp;
use serde_json::Value;

use super::support::{
    Ledger, Namespace, apply, eventually,
    fixtures::{Plugin, binding, pod},
    kubectl,
    kubectl::sandbind_as,
    sandbind,
};

/// What the broken delete script says last.
const LAST_WORDS: &str = "the server said no";
const BROKEN: &str = "echo 'the server said no' >&2; exit 1";

/// A delete script that removes, and writes it down.
fn mended(plugin: &str) -> String {
    format!(
        "psql -qc \"insert into effects (plugin, name, phase) values ('{plugin}', '$SANDBIND_NAME', 'removed')\""
    )
}

/// The plugin as a version.
fn publish(plugin: &Plugin, version: &str, delete: &str) {
    let (draft, object) = (
        format!("metadata: {{name: {}}}", plugin.name),
        format!("metadata: {{name: {}-{version}}}", plugin.name),
    );
    apply(&plugin.yaml("", delete, &format!("version: {version}")).replace(&draft, &object));
}

fn condition(status: &Value, name: &str) -> Option<Value> {
    status["conditions"]
        .as_array()?
        .iter()
        .find(|one| one["type"] == name && one["status"] == "True")
        .cloned()
}

/// A sandbox whose only pod was deleted: its record, once its removal has begun.
fn abandoned(shop: &Namespace) -> Value {
    shop.create(&pod("a", "pr-1")).unwrap();
    shop.ready_pod("app=a", 90);
    shop.kubectl(&["delete", "pod", "a"]);
    eventually("it is being removed", 90, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        if record["status"]["phase"] == "Deleting" { Ok(record) } else { Err(record["status"].to_string()) }
    })
}

#[test]
fn a_broken_delete_script_stalls_loudly_until_a_corrected_version_removes_the_resource() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin { name: format!("p-{}", super::support::unique()) };
    publish(&plugin, "1.0.0", BROKEN);
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    let id = abandoned(&shop)["metadata"]["name"].as_str().unwrap().to_owned();

    // The record and the Sandbox say it.
    eventually("the record is Stalled", 120, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        match condition(&record["status"], "Stalled") {
            Some(stalled) if stalled["reason"] == "DeleteFailing" => Ok(()),
            _ => Err(record["status"].to_string()),
        }
    });
    eventually("the Sandbox is Stalled", 30, || {
        let sandbox = shop.json(&["sandbox", "pr-1"]);
        let status = &sandbox["status"];
        if status["phase"] == "Deleting" && condition(status, "Stalled").is_some() {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    // Events, `why` and `orphans list` do.
    let events = shop.kubectl(&["get", "events", "-o", "wide"]);
    assert!(events.contains("DeleteStepFailed") && events.contains(LAST_WORDS), "{events}");
    let why = sandbind(&["sandbox", "why", "pr-1", "-n", &shop.name]);
    for part in ["Stalled", "sandbind orphans retry", LAST_WORDS] {
        assert!(why.stdout.contains(part), "no `{part}`: {why:?}");
    }
    let listed = sandbind(&["orphans", "list", "-n", &shop.name]);
    for part in [id.as_str(), "Deleting", LAST_WORDS] {
        assert!(listed.stdout.contains(part), "no `{part}`: {listed:?}");
    }
    // So does the answer to whoever comes now.
    let denied = shop.create(&pod("b", "pr-1")).unwrap_err();
    for part in ["StillDeleting", &format!("sandbind orphans retry {id} --plugin NAME@VERSION")] {
        assert!(denied.contains(part), "no `{part}`: {denied}");
    }
    assert_eq!(ledger.count(&plugin.name, "removed"), 0);

    let unknown = sandbind(&["orphans", "retry", &id, "--plugin", &format!("{}@9.9.9", plugin.name)]);
    assert!(unknown.code == 1 && unknown.stderr.contains("UnknownPlugin"), "{unknown:?}");
    publish(&plugin, "1.0.1", &mended(&plugin.name));
    let corrected = format!("{}@1.0.1", plugin.name);
    let retried = sandbind(&["orphans", "retry", &id, "--plugin", &corrected, "--wait", "--timeout", "90s"]);
    assert_eq!(retried.code, 0, "{retried:?}\n{}", shop.picture());
    shop.nothing_left(60);
    assert_eq!(ledger.count(&plugin.name, "removed"), 1, "removed once");
    assert!(ledger.count(&plugin.name, "delete") >= 4, "three failures, one success");
    let none = sandbind(&["orphans", "list", "-n", &shop.name]);
    assert!(none.code == 0 && none.stdout.is_empty(), "{none:?}");
}

#[test]
fn a_mended_drafts_delete_script_is_used_from_the_second_attempt_on() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", BROKEN);
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    abandoned(&shop);
    eventually("the first attempt failed", 60, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        let failed = record["status"]["lastFailure"]["lastLine"] == LAST_WORDS;
        if failed { Ok(()) } else { Err(record["status"].to_string()) }
    });
    plugin.change("", &mended(&plugin.name), "");
    shop.nothing_left(120);
    assert_eq!(ledger.count(&plugin.name, "removed"), 1, "removed once, without anybody's word");
}

/// A kubeconfig of a ServiceAccount that may `edit` the namespace and nothing else.
fn editor(shop: &Namespace) -> tempfile::NamedTempFile {
    shop.kubectl(&["create", "serviceaccount", "editor"]);
    let account = format!("--serviceaccount={}:editor", shop.name);
    shop.kubectl(&["create", "rolebinding", "editor", "--clusterrole=edit", &account]);
    let token = shop.kubectl(&["create", "token", "editor"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, kubectl(&["config", "view", "--raw", "--flatten"])).unwrap();
    let config = |arguments: &[&str]| kubectl(&[&["--kubeconfig", path, "config"], arguments].concat());
    config(&["set-credentials", "editor", "--token", token.trim()]);
    config(&["set-context", "--current", "--user=editor", &format!("--namespace={}", shop.name)]);
    let me = kubectl(&["--kubeconfig", path, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(me, format!("system:serviceaccount:{}:editor", shop.name));
    file
}

#[test]
fn edit_in_the_namespace_is_enough_for_every_sandbox_command() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("echo made", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    let kubeconfig = editor(&shop);
    let path = kubeconfig.path().to_str().unwrap();
    let does = |arguments: &[&str], code: i32, says: &str| {
        let ended = sandbind_as(path, &[&["sandbox"], arguments].concat());
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(says), "{arguments:?}: no `{says}`: {ended:?}");
        assert!(!said.contains("orbidden"), "{arguments:?}: {ended:?}");
        ended
    };
    does(&["create", "pr-1", "--prepare", "db", "--ttl", "2d"], 0, "pr-1");
    does(&["wait", "pr-1", "--for", "ready", "--timeout", "90s"], 0, "");
    does(&["list"], 0, "pr-1");
    does(&["get", "pr-1"], 0, "Ready");
    does(&["get", "pr-1", "-o", "yaml"], 0, "kind: Sandbox");
    does(&["why", "pr-1"], 0, "nothing stops it");
    // What the steps wrote lies where an editor may not read; the status may be read, and is shown in its place.
    let logs = does(&["logs", "pr-1", "--resource", "db"], 0, "here is what the status says of the steps");
    assert!(logs.stderr.contains("sandbind-system, which you may not read"), "{logs:?}");
    assert!(logs.stdout.starts_with("db: Ready") && logs.stdout.lines().count() == 1, "{logs:?}");
    let before = Timestamp::now();
    let held = does(&["hold", "pr-1", "2h"], 0, "is held until");
    let sandbox = shop.json(&["sandbox", "pr-1"]);
    let until = sandbox["metadata"]["annotations"]["sandbind.dev/hold-until"].as_str().unwrap();
    assert!(held.stderr.contains(until), "{until}: {held:?}");
    // It is written in whole seconds.
    let hold = until.parse::<Timestamp>().unwrap().duration_since(before);
    assert!((7199..7260).contains(&hold.as_secs()), "{hold:?}");
    does(&["retry", "pr-1"], 0, "nothing has failed");
    does(&["delete", "pr-1", "--wait", "--timeout", "90s"], 0, "");
    does(&["get", "pr-1"], 1, "NotFound");
    shop.nothing_left(60);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
}
