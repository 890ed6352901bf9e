//! The reference of the metrics, made from what the servers themselves answer to `/metrics`.

use std::{collections::BTreeMap, fmt::Write as _};

use prometheus_client::{encoding::text::encode, registry::Registry};
use sandbind_engine::trace::{Moments, Point};
use sandbind_kit::{telemetry, tls::Certificates};
use sandbind_plugin_runner::{controller, hub::HubMetrics, trace::Counting};
use sandbind_webhook::metrics::Metrics;

use super::cell;

/// Markdown: one table for each server.
pub(super) fn markdown() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         `GET /metrics` on port 8080 of webhook and plugin runner answers OpenMetrics text. No label ever holds the name of a namespace, sandbox or \
         pod, nor a value.\n",
    );
    section(&mut text, "Webhook", &webhook());
    text.push_str(
        "\n`reason` is a [code](codes.md) when `verdict` is `denied`; `Ready` or `Gated` when it is `bound`; else why nothing was to be done.\n",
    );
    section(&mut text, "Plugin runner", &runner());
    let points: Vec<String> = Point::ALL.iter().map(|point| format!("`{point}`")).collect();
    let _infallible = writeln!(text, "\n`point` is one of {}.", points.join(", "));
    text
}

/// With one sample of each, for what has none is not told.
fn webhook() -> Registry {
    let mut registry = Registry::default();
    telemetry::register_certificate(&mut registry, certificate());
    Metrics::register(&mut registry).decided("mutate", "bound", "Ready");
    registry
}

fn runner() -> Registry {
    let mut registry = Registry::default();
    telemetry::register_certificate(&mut registry, certificate());
    controller::register_leading(&mut registry);
    HubMetrics::register(&mut registry);
    Counting::new(&mut registry, Moments::default()).count(Point::Reserve);
    registry
}

fn certificate() -> std::sync::Arc<Certificates> {
    let certificates = Certificates::new();
    if let Ok(made) = rcgen::generate_simple_self_signed(["sandbind".to_owned()]) {
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        // Without a certificate the metric is not told, and the test below fails.
        drop(certificates.replace(chain.as_bytes(), key.as_bytes()));
    }
    certificates
}

fn section(text: &mut String, heading: &str, registry: &Registry) {
    let mut told = String::new();
    let _infallible = encode(&mut told, registry);
    let _infallible =
        write!(text, "\n## {heading}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for (name, [type_, labels, help]) in described(&told) {
        let suffix = if type_ == "counter" { "_total" } else { "" };
        let _infallible = writeln!(text, "| `{name}{suffix}` | {type_} | {labels} | {} |", cell(&help));
    }
}

/// Type, labels and help by name.
fn described(told: &str) -> BTreeMap<String, [String; 3]> {
    let mut found: BTreeMap<String, [String; 3]> = BTreeMap::new();
    for line in told.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(help)) => {
                let [_, _, known] = found.entry(name.to_owned()).or_default();
                help.trim_end_matches('.').clone_into(known);
            }
            (Some("#"), Some("TYPE"), Some(name), Some(type_)) => {
                let [known, ..] = found.entry(name.to_owned()).or_default();
                type_.clone_into(known);
            }
            _ => sample(line, &mut found),
        }
    }
    found
}

fn sample(line: &str, found: &mut BTreeMap<String, [String; 3]>) {
    let Some((name, labels)) = line.split_once('{') else { return };
    let Some((_, [_, known, _])) =
        found.iter_mut().rev().find(|(metric, _)| name.starts_with(metric.as_str()))
    else {
        return;
    };
    let names = labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name);
    let names: Vec<String> = names.filter(|name| *name != "le").map(|name| format!("`{name}`")).collect();
    *known = names.join(" ");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_has_its_type_labels_and_meaning() {
        let page = markdown();
        for row in [
            "| `sandbind_webhook_decisions_total` | counter | `route` `verdict` `reason` | Answers by verdict and reason code |",
            "| `sandbind_webhook_wait_seconds` | histogram |  | Time that held pods were held |",
            "| `sandbind_hub_failed_asks_total` | counter |  | Asks that the hub did not answer, or refused |",
            "| `sandbind_runner_leading` | gauge |  | 1 in the replica that drives, else 0 |",
        ] {
            assert!(page.contains(row), "{row}\n{page}");
        }
        assert_eq!(page.matches("| `certificate_not_after_seconds` | gauge |").count(), 2, "{page}");
    }
}
