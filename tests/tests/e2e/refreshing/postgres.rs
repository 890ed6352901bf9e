//! The example plugin's two login roles take turns, so that env vars stay good for one more refresh.

use super::super::support::{Ledger, Namespace, eventually, examples};

/// The resource as env var alone: a container that never reads a file.
fn workload(plugin: &str) -> String {
    format!(
        r"apiVersion: sandbind.dev/v1alpha1
kind: ResourceBinding
metadata: {{name: main}}
spec:
  resources: [{{name: db, plugin: {plugin}}}]
  linger: 1s
  env: [{{name: DATABASE_URL, valueFrom: {{resource: {{name: db, outputKey: provision.url}}}}}}]
"
    )
}

fn pod(name: &str) -> String {
    super::pod(name, "pr-1").replace("localhost/test:1", "localhost/psql:1")
}

#[test]
fn a_pod_that_uses_env_alone_still_connects_after_a_refresh() {
    let ledger = Ledger::get();
    let shop = Namespace::new();
    let plugin = examples::postgres_refreshing("25s");
    shop.apply(&workload(&plugin));
    shop.create(&pod("old")).unwrap();
    shop.ready_pod("app=old", 120);
    let revision = || shop.instance("pr-1", "db").map(|record| record["status"]["revision"].clone());
    let who = |pod: &str| {
        let sql = "select session_user || ' in ' || current_database() || ' sees ' || count(*) from orders";
        shop.exec(pod, "app", &["bash", "-c", &format!("psql \"$DATABASE_URL\" -Atc \"{sql}\"")])
    };
    let first = eventually("the app's own connection", 20, || who("old"));
    eventually("the first refresh", 90, || match revision() {
        Some(number) if number == 2 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let still = who("old").unwrap();
    shop.create(&pod("new")).unwrap();
    shop.ready_pod("app=new", 120);
    let newer = who("new").unwrap();
    println!("before: {first}after the refresh: {still}a new pod: {newer}");
    assert_eq!(still, first, "the same role, with the password it started with");
    let name = first.split("-a in ").next().unwrap();
    assert_eq!(first.trim(), format!("{name}-a in {name} sees 3"));
    assert!(newer.starts_with(&format!("{name}-b in {name} ")) || revision().unwrap() != 2, "{newer}");
    shop.kubectl(&["delete", "pod", "old", "new"]);
    shop.nothing_left(120);
    assert_eq!(ledger.made(name), Vec::<String>::new());
}
