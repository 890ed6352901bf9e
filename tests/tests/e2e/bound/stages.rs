//! What `kubectl get` prints at each stage of a sandbox's life.

use super::super::support::{
    Latch, Namespace, eventually,
    fixtures::{Plugin, binding, pod},
    kubectl,
    table::{self, Row},
};

fn row(table: &str, wanted: &[(&str, &str)]) -> Result<Row, String> {
    let found = table::rows(table)
        .into_iter()
        .find(|row| wanted.iter().all(|(head, cell)| row.get(*head).is_some_and(|there| there == cell)));
    found.ok_or_else(|| format!("no row with {wanted:?} in\n{table}"))
}

#[test]
fn kubectl_get_tells_the_truth_at_each_stage() {
    let shop = Namespace::new();
    let (making, removing) = (Latch::new(), Latch::new());
    let plugin = Plugin::new(&making.wait(), &removing.wait());
    shop.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    let identity = format!("{}@0.0.0", plugin.name);
    let sandbox = |phase: &str, resources: &str, pods: &str, message: &str| {
        eventually(&format!("sbx: {phase}, {resources}, {pods} pods, `{message}`"), 60, || {
            let wanted = [
                ("NAME", "pr-1"),
                ("PHASE", phase),
                ("RESOURCES", resources),
                ("PODS", pods),
                ("MESSAGE", message),
            ];
            row(&shop.kubectl(&["get", "sbx"]), &wanted)
        })
    };
    let record = |phase: &str, doing: &str| {
        eventually(&format!("ri: {phase}, `{doing}`"), 60, || {
            let wanted = [
                ("NAMESPACE", shop.name.as_str()),
                ("SANDBOX", "pr-1"),
                ("RESOURCE", "db"),
                ("PLUGIN", &identity),
                ("PHASE", phase),
                ("ROUND", "1"),
                ("DOING", doing),
            ];
            row(&kubectl(&["-n", "sandbind-system", "get", "ri"]), &wanted)
        })
    };
    shop.create(&pod("a", "pr-1")).unwrap();
    record("Creating", "step make, attempt 1");
    sandbox("Provisioning", "0/1 ready", "1", "db: step make, attempt 1");
    making.open();
    record("Ready", "");
    sandbox("Ready", "1/1 ready", "1", "");
    shop.ready_pod("app=a", 120);
    shop.kubectl(&["delete", "pod", "a", "--grace-period=1"]);
    record("Deleting", "deleting: step unmake, attempt 1");
    sandbox("Deleting", "0/1 ready", "0", "db: deleting: step unmake, attempt 1");
    removing.open();
    shop.nothing_left(60);
    assert_eq!(shop.kubectl(&["get", "sbx"]), "");
}
