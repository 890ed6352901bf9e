//! Turns, where caches are late.

use sandbind_core::{
    api::{
        ResourcePlugin,
        instance::{InstanceKey, PinnedPlugin},
        plugin::{Limits, ResourcePluginSpec, Runner},
    },
    lifecycle::{record::Orders, reserve::begin},
};

use super::*;
use crate::{
    memory::{Cluster, Faults, Program},
    trace::Untraced,
};

const PLUGIN: &str = "pg@1.0.0";

/// A world whose plugin may create one at a time, and whose cache knows no record.
fn world() -> Program {
    let (cluster, _launched) = Cluster::new(1, Faults::default());
    let spec = ResourcePluginSpec {
        name: "pg".into(),
        version: Some("1.0.0".into()),
        description: None,
        runner: Runner::default(),
        params: None,
        create: Vec::new(),
        delete: Vec::new(),
        refresh: None,
        allowed_namespaces: None,
        limits: Some(Limits { concurrency: Some(1), ..Limits::default() }),
    };
    cluster.look().plugins.insert(PLUGIN.into(), ResourcePlugin::new("pg-1.0.0", spec));
    Program::new(cluster, Untraced)
}

fn creating(world: &Program, sandbox: &str) -> Record {
    let key = InstanceKey {
        namespace: "shop".into(),
        namespace_uid: "shop-uid".into(),
        sandbox: sandbox.into(),
        resource: "db".into(),
        scope: None,
    };
    let (spec, mut status) = begin(key, "a".repeat(16), None, &[], world.cluster().now());
    status.plugin = Some(PinnedPlugin {
        identity: PLUGIN.into(),
        uid: "u".into(),
        hash: "h".into(),
        output_keys: BTreeSet::new(),
        refresh_seconds: None,
    });
    Record {
        name: sandbox.into(),
        uid: sandbox.into(),
        version: "1".into(),
        deleting: false,
        orders: Orders::default(),
        spec,
        status,
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_given_once_although_no_cache_shows_it_yet() {
    let (world, turns) = (world(), Turns::default());
    let (first, mut second) = (creating(&world, "b-first"), creating(&world, "a-second"));
    assert!(turns.may_start(&world, &first));
    // It would come first, had it come to light in time.
    second.status.since -= std::time::Duration::from_secs(9);
    assert!(!turns.may_start(&world, &second));
    assert!(turns.may_start(&world, &first), "who has a turn keeps it");

    turns.stands("b-first", Some(&first));
    let mut ready = first;
    ready.status.phase = Phase::Ready;
    turns.stands("b-first", Some(&ready));
    assert_eq!(turns.called(), ["a-second"]);
    assert!(turns.may_start(&world, &second));
}

#[tokio::test(start_paused = true)]
async fn who_leads_no_more_holds_no_turns() {
    let (world, turns) = (world(), Turns::default());
    assert!(turns.may_start(&world, &creating(&world, "first")));
    turns.forget();
    assert!(turns.may_start(&world, &creating(&world, "second")));
}
