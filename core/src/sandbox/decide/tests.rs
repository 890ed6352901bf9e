use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    api::{Span, instance::Phase},
    binding::Plugins,
    sandbox::fixture::{Scene, at, plugin, pod},
};

fn explicit() -> Value {
    json!({})
}

fn while_used() -> Value {
    json!({"lifetime": "WhileUsed"})
}

/// The actions by name; statuses are tested by themselves.
fn names(scene: &Scene) -> Vec<String> {
    let name = |action: &Action| match action {
        Action::Prepare(preparation) => format!("Prepare {}", preparation.key.resource),
        Action::Announce(end) => format!("Announce {}", end.as_second() - at(0).as_second()),
        Action::Delete(why) => format!("Delete {why:?}"),
        Action::Write(_) => "Write".to_owned(),
        other => format!("{other:?}"),
    };
    decide(&scene.seen()).actions.iter().map(name).filter(|name| name != "Write").collect()
}

#[test]
fn a_record_without_a_sandbox_gets_one_unless_it_goes() {
    for (expected, scene) in [
        (vec!["Create"], Scene::new().record("db", Phase::Creating)),
        (vec!["Create"], Scene::new().record("db", Phase::Failed)),
        (vec!["Create"], Scene::new().record("db", Phase::Deleting).record("queue", Phase::Ready)),
        (vec![], Scene::new().record("db", Phase::Deleting)),
        (vec![], Scene::new().record("db", Phase::Ready).terminating()),
        (vec![], Scene::new()),
    ] {
        assert_eq!(names(&scene), expected, "{:?}", scene.records);
    }
    let mut leaving = Scene::new().record("db", Phase::Ready);
    Arc::make_mut(&mut leaving.records[0]).deleting = true;
    assert_eq!(names(&leaving), Vec::<String>::new());
}

#[test]
fn one_that_is_while_used_goes_with_its_last_record_and_not_before_its_first() {
    for (expected, scene) in [
        (vec![], Scene::with(&while_used())),
        (vec!["Hold"], Scene::with(&while_used()).record("db", Phase::Creating)),
        (vec![], Scene::with(&while_used()).held().record("db", Phase::Deleting)),
        (vec!["Delete Unused"], Scene::with(&while_used()).held()),
        (vec![], Scene::with(&while_used()).held().terminating()),
        (vec!["Release"], Scene::with(&while_used()).held().deleted()),
        (vec!["Prepare db"], Scene::with(&json!({"lifetime": "WhileUsed", "prepare": ["db"]})).held()),
    ] {
        assert_eq!(names(&scene), expected, "{:?}", scene.view.sandbox);
    }
}

#[test]
fn a_hold_keeps_one_that_is_while_used_until_its_time() {
    let mut scene = Scene::with(&while_used()).held();
    let until = [(name::ANNOTATION_HOLD.to_owned(), at(500).to_string())];
    scene.change(|sandbox| sandbox.metadata.annotations = Some(until.into()));
    assert_eq!(names(&scene), Vec::<String>::new());
    assert_eq!(decide(&scene.seen()).again, Some(at(500)));
    scene.now = at(500);
    assert_eq!(names(&scene), ["Delete Unused"]);
}

#[test]
fn an_explicit_one_stays_and_is_held_while_it_has_records() {
    for (expected, scene) in [
        (vec![], Scene::with(&explicit())),
        (vec![], Scene::with(&explicit()).held()),
        (vec!["Hold"], Scene::with(&explicit()).record("db", Phase::Ready)),
        (vec![], Scene::with(&explicit()).held().record("db", Phase::Ready)),
        (vec!["Hold", "Prepare db"], Scene::with(&json!({"prepare": ["*"]}))),
        (vec![], Scene::with(&explicit()).held().deleted().record("db", Phase::Deleting)),
        (vec![], Scene::with(&explicit()).deleted().record("db", Phase::Ready)),
        (vec!["Release"], Scene::with(&explicit()).held().deleted()),
        (vec![], Scene::with(&explicit()).deleted()),
    ] {
        assert_eq!(names(&scene), expected, "{:?}", scene.view.sandbox);
    }
}

#[test]
fn a_terminating_namespace_is_let_go_at_once() {
    let scene = Scene::with(&explicit()).held().deleted().record("db", Phase::Ready).terminating();
    assert_eq!(decide(&scene.seen()).actions, [Action::Release]);
}

#[test]
fn the_end_is_announced_and_then_comes() {
    let spec = json!({"ttl": {"duration": "10m"}});
    for (now, expected, again) in [
        (100, vec![], Some(300)),
        (300, vec!["Announce 600"], Some(600)),
        (599, vec!["Announce 600"], Some(600)),
        (600, vec!["Delete Expired"], None),
    ] {
        let mut scene = Scene::with(&spec).held();
        scene.now = at(now);
        assert_eq!(names(&scene), expected, "at {now}");
        assert_eq!(decide(&scene.seen()).again, again.map(at), "at {now}");
    }
    let mut late = Scene::with(&spec).record("db", Phase::Ready);
    late.now = at(600);
    assert_eq!(names(&late), ["Hold", "Delete Expired"]);
    let mut leaving = Scene::with(&spec).held().deleted().record("db", Phase::Ready);
    leaving.now = at(600);
    assert_eq!(names(&leaving), Vec::<String>::new());
}

#[test]
fn use_puts_off_an_end_that_counts_from_it() {
    let mut scene = Scene::with(&json!({"ttl": {"duration": "10m", "offsetFrom": "lastUsedAt"}})).held();
    scene.now = at(10_000);
    scene.pods.push(pod("web"));
    assert_eq!(names(&scene), Vec::<String>::new());
    let Some(Action::Write(status)) = decide(&scene.seen()).actions.pop() else { panic!("no status") };
    scene.change(|sandbox| sandbox.status = Some(*status));
    scene.pods.clear();
    scene.now = at(20_000);
    assert_eq!(names(&scene), Vec::<String>::new());
    assert_eq!(decide(&scene.seen()).again, Some(at(20_300)));
}

#[test]
fn the_default_is_for_explicit_ones_alone() {
    for (spec, expected) in [(explicit(), vec!["Delete Expired"]), (while_used(), vec![])] {
        let mut scene = Scene::with(&spec);
        scene.default_ttl = Some(Span::from_secs(60));
        assert_eq!(names(&scene), expected, "{spec}");
    }
}

#[test]
fn a_status_is_written_once() {
    let mut scene = Scene::with(&json!({"prepare": ["db", "nothing"]})).held().record("queue", Phase::Failed);
    scene.pods.push(pod("web"));
    let Some(Action::Write(status)) = decide(&scene.seen()).actions.pop() else { panic!("no status") };
    scene.change(|sandbox| sandbox.status = Some(*status));
    scene.now = at(101);
    assert_eq!(names(&scene), ["Prepare db"]);
    assert!(!decide(&scene.seen()).actions.iter().any(|action| matches!(action, Action::Write(_))));
}

#[test]
fn one_that_is_over_a_limit_is_looked_at_again_soon_and_one_that_lacks_a_binding_is_not() {
    let mut limited = Scene::with(&json!({"prepare": ["db"]}));
    limited.view.plugins = Arc::new(Plugins::new([plugin("pg", &json!({"perNamespace": 2}))]));
    limited.view.counts = Arc::new([("pg@1.0.0".to_owned(), 2)].into());
    let seen = limited.seen();
    assert_eq!(decide(&seen).again, Some(seen.now + PLACE));

    let unknown = Scene::with(&json!({"prepare": ["queue"]}));
    assert_eq!(decide(&unknown.seen()).again, None);
}
