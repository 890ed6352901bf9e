//! Vanished pods.

use std::collections::BTreeMap;

use super::*;
use crate::{
    api::instance::Phase,
    lifecycle::{
        decide,
        effect::{Change, Effect},
        fixture::*,
        observed::Observed,
        record::Record,
    },
};

fn seeing(now: i64, nodes: &[(&str, u64)]) -> Observed {
    let mut seen = unused(now);
    seen.hint.vanished = nodes.iter().map(|(node, age)| ((*node).to_owned(), secs(*age))).collect();
    seen
}

fn after(record: &Record, seen: &Observed) -> Record {
    let effects = decide(record, seen);
    let (change, status) = commit(&effects);
    assert_eq!(change, Change::Noted);
    Record { status: status.clone(), ..record.clone() }
}

fn nodes(record: &Record) -> BTreeMap<String, Vanished> {
    record.status.vanished.iter().map(|one| (one.node.clone(), one.clone())).collect()
}

#[test]
fn a_vanished_pod_is_written_down_once_and_before_any_proof() {
    let record = in_phase(Phase::Ready);
    let record = after(&record, &seeing(100, &[("n1", 5)]));
    assert_eq!(nodes(&record)["n1"].at, at(100));
    assert!(decide(&record, &seeing(101, &[("n1", 6)])).contains(&Effect::ProveUnused));
    let record = after(&record, &seeing(200, &[("n1", 5)]));
    assert_eq!(nodes(&record)["n1"].at, at(200), "another one, later, on the same node");
}

#[test]
fn what_is_over_is_neither_noted_nor_kept() {
    let record = in_phase(Phase::Ready);
    assert!(decide(&record, &seeing(700, &[("n1", 600)])).contains(&Effect::ProveUnused));
    let record = after(&record, &seeing(0, &[("n1", 0)]));
    let record = after(&record, &seeing(600, &[("n2", 0)]));
    assert_eq!(nodes(&record).into_keys().collect::<Vec<_>>(), ["n2"]);
}

#[test]
fn more_nodes_than_are_told_apart_share_an_entry_that_covers_them_all() {
    let names: Vec<String> = (0..40).map(|index| format!("n{index}")).collect();
    let all: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let record = after(&in_phase(Phase::Ready), &seeing(0, &all));
    assert_eq!(record.status.vanished.len(), NODES);
    assert!(nodes(&record).contains_key(""));
    let seen = seeing(1, &all.iter().map(|(name, _)| (*name, 2)).collect::<Vec<_>>());
    assert!(decide(&record, &seen).contains(&Effect::ProveUnused), "nothing more to note");
}
