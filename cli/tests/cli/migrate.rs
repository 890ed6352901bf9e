//! `sandbind migrate`: what is printed, what is told beside it, and what is refused.

use insta::assert_snapshot;

use crate::support::{sandbind, sandbind_with};

const OLD: &str = r#"name: PR-142
spec:
  cluster: staging
  ttl: {duration: 2d}
  resources:
  - {name: ordersDb, plugin: mariadb@1.2.0, params: {dbname: "orders-@{pr}"}}
  forks:
  - forkOf: {kind: Deployment, namespace: shop, name: orders}
    customizations:
      images: [{image: "orders:@{pr}"}]
      env:
      - name: DB_HOST
        container: main
        operation: upsert
        valueFrom: {resource: {name: ordersDb, outputKey: provision.host}}
      - {name: DB_URL, container: main, value: "mysql://$(DB_HOST)/orders"}
      - {name: LOG, valueFrom: {configMap: {name: log, key: level}}}
"#;

#[test]
fn an_old_sandbox_becomes_a_binding_and_a_sandbox() {
    let told = sandbind_with(&["migrate", "-f", "-", "--set", "pr=142", "--set", "other=1"], OLD);
    assert_snapshot!("migrate", told.text());
    let json = sandbind_with(&["migrate", "-f", "-", "--set", "pr=142", "-o", "json"], OLD);
    let list: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let kinds: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| &item["kind"]).collect();
    assert_eq!(kinds, ["ResourceBinding", "Sandbox"]);
}

#[test]
fn what_is_wrong_is_told_at_its_line() {
    let wrong = OLD
        .replace("name: ordersDb, plugin: mariadb@1.2.0", "name: ordersDb, plugin: mariadb@1.2.0.0")
        .replace("outputKey: provision.host", "outputKey: host");
    assert_snapshot!("migrate-wrong", sandbind_with(&["migrate", "-f", "-"], &wrong).text());
    let again = sandbind_with(&["migrate", "-f", "-", "--set", "pr=1"], OLD).stdout;
    let refused = sandbind_with(&["migrate", "-f", "-"], &again);
    assert!(refused.code == 1 && refused.stderr.contains("WrongKind"), "{refused:?}");
    assert_eq!(sandbind(&["migrate"]).code, 2);
    assert_eq!(sandbind_with(&["migrate", "-f", "-", "--set", "1"], OLD).code, 2);
}
