//! One namespace that asks for far too much: it is limited, and told so, and others do not wait behind it.

use std::{fmt::Write as _, time::Instant};

use serde_json::Value;

use super::support::{
    Latch, Ledger, Namespace, eventually,
    fixtures::{Plugin, binding, pod},
    sandbind,
};

/// Sandboxes of the flood.
const FLOOD: usize = 200;
/// The plugin's limits.
const PER_NAMESPACE: usize = 12;
const CONCURRENCY: usize = 2;

/// Sandboxes that ask for the resource before any pod: they cost the node nothing but their step pods.
fn flood() -> String {
    let mut text = String::new();
    for number in 0..FLOOD {
        let _ = write!(
            text,
            "---\napiVersion: sandbind.dev/v1alpha1\nkind: Sandbox\nmetadata: {{name: flood-{number}}}\nspec: {{prepare: [db]}}\n"
        );
    }
    text
}

fn phase(record: &Value) -> &str {
    record["status"]["phase"].as_str().unwrap_or_default()
}

/// Records that have begun to create and are not done.
fn busy(records: &[Value]) -> usize {
    let begun = |record: &&Value| {
        let steps = record["status"]["steps"].as_array();
        phase(record) == "Creating" && steps.into_iter().flatten().any(|step| step["claimed"] == true)
    };
    records.iter().filter(begun).count()
}

fn waiting(records: &[Value]) -> usize {
    records.iter().filter(|record| phase(record) == "Creating").count()
}

/// What no look may ever see.
fn within_limits(shop: &Namespace) -> Vec<Value> {
    let records = shop.instances();
    assert!(records.len() <= PER_NAMESPACE, "{} records, the limit is {PER_NAMESPACE}", records.len());
    assert!(busy(&records) <= CONCURRENCY, "{} are being created at once", busy(&records));
    records
}

#[test]
fn a_flood_of_sandboxes_is_limited_and_another_namespace_is_served_meanwhile() {
    let ledger = Ledger::get();
    let limits = format!("limits: {{concurrency: {CONCURRENCY}, perNamespace: {PER_NAMESPACE}}}");
    // The flood's first turns last until somebody else has come.
    let latch = Latch::new();
    let plugin = Plugin::with(&format!("{}\nsleep 3", latch.wait()), "", &limits);
    let (flooded, quiet) = (Namespace::new(), Namespace::new());
    for namespace in [&flooded, &quiet] {
        namespace.apply(&binding(&plugin.name, "linger: 1s\nwait: {mode: Gate}"));
    }
    flooded.create(&flood()).unwrap();
    eventually("as many records as are allowed", 60, || {
        let records = within_limits(&flooded);
        if records.len() == PER_NAMESPACE { Ok(()) } else { Err(format!("{} records", records.len())) }
    });

    // The others are told why, where, and what to do.
    let said = |text: &str| {
        let all = ["TooManyInstances", "12 is the limit", "spec.limits.perNamespace"];
        all.into_iter().find(|part| !text.contains(part)).map(|part| format!("no `{part}` in: {text}"))
    };
    let denied = flooded.create(&pod("late", "pr-late")).unwrap_err();
    assert_eq!(said(&denied), None);
    let refused = eventually("every other Sandbox says that it is over the limit", 60, || {
        let sandboxes = flooded.json(&["sandboxes"]);
        let sandboxes = sandboxes["items"].as_array().cloned().unwrap_or_default();
        let told =
            sandboxes.iter().filter(|sandbox| sandbox["status"].to_string().contains("TooManyInstances"));
        let told: Vec<String> =
            told.filter_map(|one| Some(one["metadata"]["name"].as_str()?.to_owned())).collect();
        if told.len() == FLOOD - PER_NAMESPACE { Ok(told) } else { Err(format!("{} of {FLOOD}", told.len())) }
    });
    let why = sandbind(&["sandbox", "why", &refused[0], "-n", &flooded.name]);
    assert_eq!(said(&why.stdout), None);

    // Somebody else comes while the flood still waits for its turns.
    let begin = Instant::now();
    let created = sandbind(&["sandbox", "create", "pr-1", "--prepare", "db", "-n", &quiet.name]);
    assert_eq!(created.code, 0, "{created:?}");
    eventually("it has asked for its turn", 60, || quiet.instance("pr-1", "db").ok_or("no record"));
    latch.open();
    eventually("the other namespace's sandbox is Ready", 60, || {
        within_limits(&flooded);
        match quiet.instance("pr-1", "db") {
            Some(record) if phase(&record) == "Ready" => Ok(()),
            record => Err(format!("{record:?}")),
        }
    });
    let left = waiting(&within_limits(&flooded));
    println!("served after {:.1} s, {left} of the flood still waiting", begin.elapsed().as_secs_f32());
    assert!(left > 0, "the flood was over before: nothing was shown");

    for namespace in [&flooded, &quiet] {
        namespace.kubectl(&["delete", "sandboxes", "--all", "--wait=false"]);
    }
    flooded.nothing_left(180);
    quiet.nothing_left(60);
    assert!(ledger.alive(&plugin.name).is_empty());
}
