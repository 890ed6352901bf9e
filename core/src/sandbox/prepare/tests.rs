use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    api::instance::Phase,
    binding::Plugins,
    sandbox::fixture::{Scene, binding, plugin},
};

fn ways(scene: &Scene) -> Vec<String> {
    let show = |one: Missing| match one.way {
        Ok(preparation) => format!("{} for {}", preparation.key.resource, preparation.linger),
        Err(problem) => format!("{}: {}", one.name, problem.code),
    };
    missing(&scene.seen()).into_iter().map(show).collect()
}

fn preparing(names: &[&str]) -> Scene {
    Scene::with(&json!({"prepare": names}))
}

#[test]
fn what_is_asked_for_and_has_no_record_is_made() {
    for (names, expected) in [
        (&["db"][..], vec!["db for 5m"]),
        (&["*"], vec!["db for 5m"]),
        (&["db", "cache"], vec!["cache: UnknownResource", "db for 5m"]),
        (&["queue"], vec!["queue: UnknownResource"]),
        (&[], vec![]),
    ] {
        assert_eq!(ways(&preparing(names)), expected, "{names:?}");
    }
}

#[test]
fn a_record_in_any_phase_is_enough_and_one_of_another_scope_is_not() {
    for phase in [Phase::Creating, Phase::Ready, Phase::Undoing, Phase::Failed, Phase::Deleting] {
        assert_eq!(ways(&preparing(&["db"]).record("db", phase)), Vec::<String>::new(), "{phase:?}");
    }
    let mut scoped = preparing(&["db"]).record("db", Phase::Ready);
    Arc::make_mut(&mut scoped.records[0]).spec.key.scope = Some("owner".into());
    assert_eq!(ways(&scoped), ["db for 5m"]);
}

#[test]
fn nothing_is_made_for_what_goes() {
    assert_eq!(ways(&preparing(&["db"]).deleted()), Vec::<String>::new());
    assert_eq!(ways(&preparing(&["db"]).terminating()), Vec::<String>::new());
    assert_eq!(ways(&Scene::new()), Vec::<String>::new());
}

#[test]
fn what_cannot_be_made_says_why() {
    let mut unknown = preparing(&["db"]);
    unknown.view.plugins = Arc::default();
    assert_eq!(ways(&unknown), ["db: UnknownPlugin"]);

    let mut forbidden = preparing(&["db"]);
    Arc::make_mut(&mut forbidden.view.namespace).labels.clear();
    assert_eq!(ways(&forbidden), ["db: PluginNotAllowed"]);

    let mut divided = preparing(&["db"]);
    divided.view.bindings.push(binding("other", &json!([{"name": "db", "plugin": "pg@1.0.0"}])));
    assert_eq!(ways(&divided), ["db: ConflictingBindings"]);

    let mut limited = preparing(&["db"]);
    limited.view.plugins =
        Arc::new(Plugins::new([plugin("pg", &json!({"perNamespace": 2, "linger": "1m"}))]));
    assert_eq!(ways(&limited), ["db for 1m"]);
    let mut two = preparing(&["*"]);
    two.view.plugins = Arc::new(Plugins::new([plugin("pg", &json!({"perNamespace": 1}))]));
    two.view.bindings =
        vec![binding("two", &json!([{"name": "a", "plugin": "pg"}, {"name": "b", "plugin": "pg"}]))];
    assert_eq!(ways(&two), ["a for 5m", "b: TooManyInstances"]);
    limited.view.counts = Arc::new([("pg@1.0.0".to_owned(), 2)].into());
    assert_eq!(ways(&limited), ["db: TooManyInstances"]);
}
