//! A label is enough: the pod starts with its database, and everything is gone after it.

mod stages;

use super::support::{
    Ledger, Namespace, eventually, examples,
    fixtures::{Plugin, binding, deployment},
    kubectl,
};

#[test]
fn an_app_connects_to_its_own_database_with_the_injected_env() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    examples::postgres();
    shop.apply(&examples::example("postgres/binding.yaml"));
    let first = examples::example("postgres/deployment.yaml");
    // The same app in a second sandbox.
    let second = first.replace("pr-142", "pr-143").replacen("name: orders\n", "name: orders-143\n", 1);
    assert!(second.contains("sandbox: pr-143") && second.contains("orders-143"), "the example has changed");
    shop.apply(&first);
    shop.apply(&second);
    // The container's own client, the container's own env.
    let psql = |pod: &str, sql: &str| {
        eventually("the app's own connection", 30, || {
            shop.exec(pod, "app", &["bash", "-c", &format!("psql \"$DATABASE_URL\" -Atc \"{sql}\"")])
        })
    };
    let databases = ["pr-142", "pr-143"].map(|sandbox| {
        let pod = shop.ready_pod(&format!("sandbind.dev/sandbox={sandbox}"), 120);
        let tables = psql(&pod, "select count(*) from pg_tables where schemaname = 'public'");
        assert_ne!(tables.trim(), "0", "the fixture was loaded");
        let database = psql(&pod, "select current_database()").trim().to_owned();
        assert!(!ledger.made(&database).is_empty());
        database
    });
    assert_ne!(databases[0], databases[1], "a second sandbox gets a database of its own");
    let records = ["pr-142", "pr-143"].map(|sandbox| shop.instance(sandbox, "db").unwrap());
    for record in &records {
        assert_eq!(record["status"]["phase"], "Ready");
    }
    let sandbox = eventually("the Sandbox says Ready", 10, || {
        let sandbox = shop.json(&["sandbox", "pr-142"]);
        if sandbox["status"]["phase"] == "Ready" { Ok(sandbox) } else { Err(sandbox.to_string()) }
    });
    assert_eq!(sandbox["status"]["resources"][0]["name"], "db");

    shop.kubectl(&["delete", "deployment", "--all"]);
    shop.nothing_left(180);
    for (record, database) in records.iter().zip(&databases) {
        shop.no_trace_of(record["metadata"]["name"].as_str().unwrap(), 30);
        assert_eq!(ledger.made(database), Vec::<String>::new());
    }
}

#[test]
fn three_replicas_share_one_resource_and_it_is_deleted_once_after_the_last() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::new("", "");
    shop.apply(&binding(&plugin.name, "linger: 1s"));
    shop.apply(&deployment("web", "pr-1", 3));
    kubectl(&["-n", &shop.name, "rollout", "status", "deployment/web", "--timeout=90s"]);
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
    let urls: std::collections::BTreeSet<String> = shop
        .pods("app=web")
        .iter()
        .map(|pod| {
            shop.exec(pod["metadata"]["name"].as_str().unwrap(), "app", &["sh", "-c", "echo $DB_URL"])
                .unwrap()
        })
        .collect();
    assert_eq!(urls.len(), 1, "{urls:?}");
    assert!(urls.first().unwrap().starts_with("made://pr-1-"));
    shop.kubectl(&["scale", "deployment/web", "--replicas=0"]);
    shop.nothing_left(90);
    assert_eq!(ledger.count(&plugin.name, "delete"), 1);
    assert!(ledger.alive(&plugin.name).is_empty());
}

#[test]
fn the_same_sandbox_name_in_two_namespaces_means_two_resources() {
    let ledger = Ledger::get();
    // Names things by the published variable alone.
    let plugin = Plugin::unapplied();
    let names = format!("{}-names", plugin.name);
    plugin.change(
        &format!(
            "psql -qc \"insert into effects (plugin, name, phase) values ('{names}', '$SIGNADOT_SANDBOX_NAME', 'create')\""
        ),
        "",
        "",
    );
    let spaces = [Namespace::new(), Namespace::new()];
    for space in &spaces {
        space.apply(&binding(&plugin.name, "linger: 1s"));
        space.apply(&deployment("web", "same", 1));
    }
    for space in &spaces {
        space.ready_pod("app=web", 120);
    }
    assert_eq!(ledger.count(&plugin.name, "create"), 2);
    let made = ledger.sql(&format!("select distinct name from effects where plugin = '{names}'")).unwrap();
    assert_eq!(made.lines().count(), 2, "{made}");
    for space in &spaces {
        space.kubectl(&["delete", "deployment", "web"]);
        space.nothing_left(90);
    }
}

const KUSTOMIZATION: &str = "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
sortOptions: {order: fifo}
resources: [deployment.yaml, binding.yaml, plugin.yaml]
";

#[test]
fn kubectl_apply_k_with_the_deployment_before_its_binding_and_plugin_ends_bound() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = Plugin::unapplied();
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    write("kustomization.yaml", KUSTOMIZATION);
    write("deployment.yaml", &deployment("web", "pr-7", 1));
    write("binding.yaml", &binding(&plugin.name, "linger: 1s"));
    write("plugin.yaml", &plugin.yaml("", "", ""));
    let applied = shop.kubectl(&["apply", "-k", folder.path().to_str().unwrap()]);
    let kinds: Vec<&str> = applied.lines().filter_map(|line| line.split('/').next()).collect();
    assert_eq!(
        kinds,
        ["deployment.apps", "resourcebinding.sandbind.dev", "resourceplugin.sandbind.dev"],
        "{applied}"
    );
    let pod = shop.ready_pod("app=web", 120);
    assert!(shop.exec(&pod, "app", &["sh", "-c", "echo $DB_URL"]).unwrap().starts_with("made://"));
    assert_eq!(ledger.count(&plugin.name, "create"), 1);
    shop.kubectl(&["delete", "-k", folder.path().to_str().unwrap()]);
    shop.nothing_left(90);
    assert!(ledger.alive(&plugin.name).is_empty(), "removed although plugin and binding went first");
}
