//! Who may begin.

use super::*;
use crate::{
    api::instance::Phase,
    lifecycle::fixture::{at, creating, in_phase, unpinned},
};

fn waiting(name: &str, namespace: &str, since: i64) -> Record {
    let mut record = creating();
    record.name = name.into();
    record.spec.key.namespace_uid = namespace.into();
    record.status.since = at(since);
    record
}

fn begun(name: &str, namespace: &str) -> Record {
    let mut record = waiting(name, namespace, 0);
    record.status.steps[0].claimed = true;
    record
}

fn chosen(records: &[Record], limit: u32) -> Vec<String> {
    may_start(records, |_| false, |_| limit).into_iter().collect()
}

#[test]
fn a_turn_that_was_given_is_not_given_again_to_who_comes_to_light_later() {
    let records = [waiting("given", "a", 9), waiting("older", "a", 0), waiting("elsewhere", "b", 0)];
    let may: Vec<String> = may_start(&records, |name| name == "given", |_| 1).into_iter().collect();
    assert_eq!(may, ["given"]);
}

#[test]
fn a_flood_of_one_namespace_does_not_keep_others_out() {
    let mut records: Vec<Record> = (0..200).map(|n| waiting(&format!("flood-{n:03}"), "a", n)).collect();
    records.push(waiting("other", "b", 1000));
    assert_eq!(chosen(&records, 3), ["flood-000", "flood-001", "other"]);
    records.extend((0..2).map(|n| begun(&format!("begun-{n}"), "a")));
    assert_eq!(chosen(&records, 3), ["begun-0", "begun-1", "other"], "a free place goes to who has least");
}

#[test]
fn what_has_begun_goes_on_even_over_a_lowered_limit() {
    let records: Vec<Record> = (0..4).map(|n| begun(&n.to_string(), "a")).collect();
    assert_eq!(chosen(&records, 1).len(), 4);
}

#[test]
fn within_a_namespace_the_oldest_comes_first() {
    let records = [waiting("young", "a", 9), waiting("old", "a", 1), waiting("older", "a", 0)];
    assert_eq!(chosen(&records, 2), ["old", "older"]);
}

#[test]
fn limits_are_per_plugin_and_only_creating_counts() {
    let mut other = waiting("other-plugin", "a", 0);
    other.status.plugin.as_mut().unwrap().identity = "mysql@1.0.0".into();
    let records = [waiting("one", "a", 0), other, in_phase(Phase::Ready), unpinned()];
    assert_eq!(chosen(&records, 1), ["one", "other-plugin"]);
    assert_eq!(chosen(&records, 0), Vec::<String>::new());
}
