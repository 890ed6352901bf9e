//! Wrong inputs, as people make them: each is refused and told what is wrong, where, why, and the way out.

mod answer;
mod case;
mod graph;
mod label;
mod namespace;
mod overlay;
mod param;
mod selector;
mod version;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use case::{Answer, Case, plugin};

use super::support::{Namespace, json, kubectl::feed, try_kubectl, unique};

/// kubectl processes at once: one costs a third of a second of a core.
const THREADS: usize = 3;
/// Each family of mistakes has at least this many.
const LEAST: usize = 6;

fn families() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("label", label::cases()),
        ("selector", selector::cases()),
        ("param", param::cases()),
        ("overlay", overlay::cases()),
        ("graph", graph::cases()),
        ("version", version::cases()),
        ("namespace", namespace::cases()),
    ]
}

/// What the cases meet: plugins, bindings and Sandboxes that are right in themselves.
fn given() -> Vec<String> {
    let params = "[{name: seed, default: small, pattern: small|large}, {name: zone, optional: true}]";
    let takes = |params: &[&str]| {
        let inputs: Vec<String> =
            params.iter().map(|name| format!("{{name: {name}, valueFromSandbox: true}}")).collect();
        let inputs = inputs.join(", ");
        format!(
            r##"[{{name: make, inputs: [{inputs}], outputs: [{{name: url, valueFromPath: /tmp/url}}], script: "#!/bin/sh"}}]"##
        )
    };
    let both = takes(&["seed", "zone"]);
    let published = |number: &str| {
        let object = format!("pUNIQUE-{number}");
        case::version("pUNIQUE", &object, &[("version", number), ("params", params), ("create", &both)])
    };
    let mut given = vec![
        published("1.0.0"),
        published("1.1.0"),
        plugin("reqUNIQUE", &[("params", "[{name: zone}]"), ("create", &takes(&["zone"]))]),
        plugin("noneUNIQUE", &[("allowedNamespaces", "{from: None}")]),
        plugin(
            "goldUNIQUE",
            &[("allowedNamespaces", "{from: Selector, selector: {matchLabels: {team: gold}}}")],
        ),
        plugin("shortUNIQUE", &[("limits", "{linger: 1h}")]),
        "apiVersion: sandbind.dev/v1alpha1\nkind: Sandbox\nmetadata: {name: going, finalizers: [example.org/stay]}\nspec: {}\n".to_owned(),
    ];
    given.extend(selector::given());
    given.extend(param::given());
    given.extend(graph::given());
    given.extend(version::given());
    given.extend(namespace::given());
    given
}

/// The cluster that the cases are tried in.
struct Stage {
    shop: Namespace,
    plain: Namespace,
    unique: String,
}

impl Stage {
    fn set() -> Self {
        let stage =
            Self { shop: Namespace::new(), plain: Namespace::with("", ""), unique: format!("x{}", unique()) };
        stage.shop.apply(&stage.fill(&given().join("---\n")));
        stage.plain.apply(&stage.fill(&case::binding("plain", &[])));
        stage.shop.kubectl(&["delete", "sandbox", "going", "--wait=false"]);
        stage
    }

    fn fill(&self, text: &str) -> String {
        text.replace("UNIQUE", &self.unique)
            .replace("SHOP", &self.shop.name)
            .replace("PLAIN", &self.plain.name)
    }

    /// The answer to a case: a row of the table, or what is wrong with it.
    fn play(&self, case: &Case) -> Result<String, String> {
        let document = self.fill(&case.document);
        let namespace = self.fill(case.namespace);
        // Pods are made, never applied; people apply what is ours.
        let verb = if document.contains("kind: Pod") { "create" } else { "apply" };
        let answer = match feed(&["-n", &namespace, verb, "-f", "-"], &document) {
            Ok(done) => return Err(format!("it was accepted: {done}\n{document}")),
            Err(answer) => answer,
        };
        let wrong = |what: String| format!("{what}\nanswer: {answer}\n{document}");
        match &case.answer {
            Answer::Ours { code, place, reason, way_out } => {
                let place = self.fill(place);
                let parts = answer::find(&answer, code, &place).map_err(wrong)?;
                for (part, word) in [(&parts.reason, reason), (&parts.way_out, way_out)] {
                    let word = self.fill(word);
                    if !part.contains(&word) {
                        return Err(wrong(format!("no `{word}` in `{part}`")));
                    }
                }
                Ok(format!("{code} | {place} | {} | {}", parts.reason, parts.way_out))
            }
            Answer::Server { place, reason } => {
                let (place, reason) = (self.fill(place), self.fill(reason));
                if answer.contains(&place) && answer.contains(&reason) {
                    Ok(format!("(API server) | {place} | {} |", answer.trim().replace('\n', " ")))
                } else {
                    Err(wrong(format!("no `{place}` or no `{reason}`")))
                }
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let freed = r#"{"metadata": {"finalizers": null}}"#;
        let _ =
            try_kubectl(&["-n", &self.shop.name, "patch", "sandbox", "going", "--type=merge", "-p", freed]);
        let ours = |plugin: &serde_json::Value| {
            let name = plugin["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            name.contains(&self.unique).then_some(name)
        };
        let plugins = json(&["resourceplugins"]);
        let names: Vec<String> = plugins["items"].as_array().into_iter().flatten().filter_map(ours).collect();
        let mut delete = vec!["delete", "resourceplugins", "--wait=false"];
        delete.extend(names.iter().map(String::as_str));
        let _ = try_kubectl(&delete);
    }
}

#[test]
fn every_wrong_input_is_answered_with_code_place_reason_and_way_out() {
    let stage = Stage::set();
    let families = families();
    let all: Vec<(&str, &Case)> =
        families.iter().flat_map(|(family, cases)| cases.iter().map(move |case| (*family, case))).collect();
    let (next, rows, failures) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((number, (family, case))) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, all.get(n)?)))
                {
                    let row = match stage.play(case) {
                        Ok(row) => row,
                        Err(failure) => {
                            failures.lock().unwrap().push(format!("{family}: {}: {failure}", case.what));
                            "FAILED".to_owned()
                        }
                    };
                    rows.lock().unwrap().insert(number, format!("{family} | {} | {row}", case.what));
                }
            });
        }
    });
    let mut table = String::from("family | input | code | place | reason | way out\n");
    for row in rows.into_inner().unwrap().values() {
        let _ = writeln!(table, "{row}");
    }
    let failures = failures.into_inner().unwrap();
    println!("{table}{} wrong inputs, {} answered as they should be", all.len(), all.len() - failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(all.len() >= 60);
    for (family, cases) in &families {
        assert!(cases.len() >= LEAST, "{family}: only {}", cases.len());
    }
    // A refusal leaves nothing.
    assert!(stage.shop.instances().is_empty() && stage.plain.instances().is_empty());
}
