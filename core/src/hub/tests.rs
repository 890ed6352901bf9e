use jiff::Timestamp;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::{
        MemberCluster, MemberClusterStatus,
        instance::{InstanceKey, PinnedPlugin, Reservation},
        member::MemberPlugin,
    },
    lifecycle::{
        record::{Orders, Record},
        reserve::{ReserveRequest, begin},
    },
};

const HUB: &str = "hub-1";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// `name@version`, or a draft `name`, with one script.
fn plugin(identity: &str, script: &str) -> ResourcePlugin {
    let (name, version) = identity.split_once('@').map_or((identity, None), |(name, v)| (name, Some(v)));
    let object = version.map_or_else(|| name.to_owned(), |version| format!("{name}-{version}"));
    serde_json::from_value(json!({
        "apiVersion": "sandbind.dev/v1alpha1", "kind": "ResourcePlugin",
        "metadata": {"name": object.to_ascii_lowercase(), "uid": format!("{identity}-uid"), "generation": 1, "resourceVersion": "7"},
        "spec": {"name": name, "version": version, "runner": {"image": "i"}, "create": [{"name": "make", "script": script}]}}))
    .unwrap()
}

fn listing(plugins: &[ResourcePlugin]) -> Listing {
    Listing { id: HUB.into(), plugins: plugins.to_vec() }
}

/// As the API server has it after the plan's first action made it.
fn copy(of: &ResourcePlugin) -> Arc<ResourcePlugin> {
    let Some(Action::Create(mut made)) = plan(&listing(std::slice::from_ref(of)), &[], |_| false).pop()
    else {
        panic!("no copy of {}", of.spec.identity())
    };
    made.metadata.uid = Some("copy-uid".into());
    made.metadata.generation = Some(1);
    Arc::new(*made)
}

fn changed(plugin: &Arc<ResourcePlugin>, change: impl FnOnce(&mut ResourcePlugin)) -> Arc<ResourcePlugin> {
    let mut plugin = (**plugin).clone();
    change(&mut plugin);
    Arc::new(plugin)
}

/// `create pg@1.0.0`, for people.
fn shown(actions: &[Action]) -> Vec<String> {
    let show = |action: &Action| match action {
        Action::Create(copy) => format!("create {}", copy.spec.identity()),
        Action::Update { copy, .. } => format!("update {}", copy.spec.identity()),
        Action::Drop(seen) => format!("drop {}", seen.spec.identity()),
    };
    actions.iter().map(show).collect()
}

fn status(accepted: &str, resolved: &str) -> Value {
    let one = |name: &str, status: &str| {
        let (reason, message) =
            if status == "True" { (name, "") } else { ("ReferenceNotFound", "no Secret `a`") };
        json!({"type": name, "status": status, "reason": reason, "message": message, "observedGeneration": 1,
            "lastTransitionTime": "2027-01-01T00:00:00Z"})
    };
    json!({"instances": 0, "observedGeneration": 1, "conditions": [one("Accepted", accepted), one("ResolvedRefs", resolved)]})
}

fn looked_at(copy: &Arc<ResourcePlugin>, resolved: &str) -> Arc<ResourcePlugin> {
    changed(copy, |copy| copy.status = serde_json::from_value(status("True", resolved)).unwrap())
}

fn record(sandbox: &str, resource: &str, identity: &str) -> Arc<Record> {
    let key = InstanceKey {
        namespace: "shop".into(),
        namespace_uid: "u".into(),
        sandbox: sandbox.into(),
        resource: resource.into(),
        scope: None,
    };
    let request = ReserveRequest {
        reservation: Reservation { id: "r".into(), at: at(0) },
        wanted: ["make.url".to_owned()].into(),
        owner: None,
        linger_seconds: 0,
    };
    let (spec, mut status) = begin(key, "abcdefghijklmnop".into(), None, &[request], at(0));
    let pinned: PinnedPlugin =
        serde_json::from_value(json!({"identity": identity, "uid": "u", "hash": "h"})).unwrap();
    status.plugin = Some(pinned);
    let (name, uid, version) = (format!("{sandbox}-{resource}"), String::new(), String::new());
    Arc::new(Record { name, uid, version, deleting: false, orders: Orders::default(), spec, status })
}

/// What it is about, what the hub offers, what the cluster has, which of it is in use, what is done.
type Case<'a> = (&'a str, Vec<&'a ResourcePlugin>, Vec<Arc<ResourcePlugin>>, &'a [&'a str], &'a [&'a str]);

#[test]
fn a_cluster_copies_what_it_lacks_lets_copies_follow_and_drops_what_is_withdrawn_and_unused() {
    let (one, two) = (plugin("pg@1.0.0", "a"), plugin("pg@2.0.0", "a"));
    let (draft, next) = (plugin("pg", "a"), plugin("pg", "b"));
    let own = |identity: &str| Arc::new(plugin(identity, "own"));
    let of_other_hub = changed(&copy(&one), |copy| {
        copy.labels_mut().insert(LABEL_HUB.into(), "hub-2".into());
    });
    let mut retired = one.clone();
    retired.spec.description = Some("retired".into());
    let mut anew = one.clone();
    anew.metadata.uid = Some("another".into());
    let other_content = plugin("pg@1.0.0", "b");
    let left = changed(&copy(&one), |copy| {
        copy.annotations_mut().insert("sandbind.dev/hub-left".into(), "2027".into());
    });
    let leaving = changed(&copy(&one), |copy| {
        copy.metadata.deletion_timestamp = serde_json::from_value(json!("2027-01-01T00:00:00Z")).unwrap();
    });
    let cases: Vec<Case<'_>> = vec![
        ("what it lacks", vec![&one, &draft], vec![], &[], &["create pg@1.0.0", "create pg@0.0.0"]),
        ("nothing to do", vec![&one], vec![copy(&one)], &[], &[]),
        ("another version beside its own", vec![&two], vec![own("pg@1.0.0")], &[], &["create pg@2.0.0"]),
        ("its own wins", vec![&one, &draft], vec![own("pg@1.0.0"), own("pg")], &[], &[]),
        ("its own is never dropped", vec![], vec![own("pg@1.0.0")], &[], &[]),
        ("a draft follows", vec![&next], vec![copy(&draft)], &["pg@0.0.0"], &["update pg@0.0.0"]),
        (
            "policy of a version follows",
            vec![&retired],
            vec![copy(&one)],
            &["pg@1.0.0"],
            &["update pg@1.0.0"],
        ),
        ("the same content in a new object", vec![&anew], vec![copy(&one)], &[], &["update pg@1.0.0"]),
        ("a version made anew", vec![&other_content], vec![copy(&one)], &[], &["drop pg@1.0.0"]),
        ("a version made anew, in use", vec![&other_content], vec![copy(&one)], &["pg@1.0.0"], &[]),
        ("withdrawn", vec![&two], vec![copy(&one), copy(&two)], &[], &["drop pg@1.0.0"]),
        ("withdrawn, in use", vec![], vec![copy(&one)], &["pg@1.0.0"], &[]),
        ("of another hub", vec![], vec![of_other_hub.clone()], &[], &[]),
        ("of another hub, offered here too", vec![&one], vec![of_other_hub.clone()], &[], &[]),
        ("a copy is not copied on", vec![&of_other_hub], vec![], &[], &[]),
        ("a name that differs in case only", vec![&one], vec![own("PG@3.0.0")], &[], &[]),
        ("joined again", vec![&one], vec![left], &[], &["update pg@1.0.0"]),
        ("on its way out", vec![], vec![leaving.clone()], &[], &[]),
        ("on its way out, offered", vec![&next, &retired], vec![copy(&next), leaving], &[], &[]),
    ];
    for (name, offered, local, used, expected) in cases {
        let offered: Vec<ResourcePlugin> = offered.into_iter().cloned().collect();
        let actions = plan(&listing(&offered), &local, |identity| used.contains(&identity));
        assert_eq!(shown(&actions), expected, "{name}");
    }
}

#[test]
fn two_plugins_of_a_hub_whose_names_differ_in_case_only_become_one_copy() {
    let actions = plan(
        &listing(&[plugin("pg@1.0.0", "a"), plugin("PG@2.0.0", "a"), plugin("pg@3.0.0", "a")]),
        &[],
        |_| false,
    );
    assert_eq!(shown(&actions), ["create pg@1.0.0", "create pg@3.0.0"]);
}

#[test]
fn a_copy_carries_content_and_marks_and_nothing_else_of_the_hub() {
    let mut original = plugin("pg@1.0.0", "a");
    original.metadata.labels = Some(BTreeMap::from([("team".into(), "data".into())]));
    original.metadata.finalizers = Some(vec!["example.org/x".into()]);
    original.status = serde_json::from_value(status("True", "True")).unwrap();
    let copy = copy(&original);
    assert_eq!((&copy.spec, &copy.status, &copy.metadata.finalizers), (&original.spec, &None, &None));
    assert_eq!(copy.labels(), &BTreeMap::from([(LABEL_HUB.to_owned(), HUB.to_owned())]));
    assert_eq!(object_of(&copy), Some("pg@1.0.0-uid"));
}

#[test]
fn a_cluster_tells_of_each_version_whether_it_is_ready_why_not_and_who_uses_it() {
    let all = ["own@1.0.0", "ok@1.0.0", "lacks@1.0.0", "fresh@1.0.0", "new@1.0.0", "bad@1.0.0", "pg@1.0.0"];
    let all = all.map(|identity| plugin(identity, "a"));
    let [own, ok, lacks, fresh, _, _, pg] = &all;
    let gone = copy(&plugin("gone@1.0.0", "a"));
    let local = [
        Arc::new(own.clone()),
        looked_at(&copy(ok), "True"),
        looked_at(&copy(lacks), "False"),
        copy(fresh),
        looked_at(&copy(&plugin("pg@1.0.0", "other")), "True"),
        gone,
    ];
    let mut records: Vec<_> = (0..6).map(|at| record(&format!("pr-{at}"), "db", "ok@1.0.0")).collect();
    records.extend([record("pr-1", "second", "ok@1.0.0"), record("pr-1", "own", "own@1.0.0")]);
    records.extend([record("pr-7", "db", "gone@1.0.0"), record("pr-8", "db", &pg.spec.identity())]);
    let refused = BTreeMap::from([("bad@1.0.0".to_owned(), "x".repeat(600))]);
    let told = tell(&listing(&all), &local, &records, &refused);
    assert_eq!(
        (told.summary.as_deref(), told.omitted, told.heartbeat.as_deref()),
        (Some("1/7 ready"), 0, None)
    );
    let rows: Vec<_> = told
        .plugins
        .iter()
        .map(|one| (one.identity.as_str(), one.ready, one.reason.as_deref().unwrap_or(""), one.instances))
        .collect();
    assert_eq!(
        rows,
        [
            ("ok@1.0.0", true, "", 7),
            ("gone@1.0.0", false, "Withdrawn", 1),
            ("pg@1.0.0", false, "StaleCopy", 1),
            ("bad@1.0.0", false, "Refused", 0),
            ("fresh@1.0.0", false, "NotSeenYet", 0),
            ("lacks@1.0.0", false, "ReferenceNotFound", 0),
            ("new@1.0.0", false, "NotSeenYet", 0),
            ("own@1.0.0", false, "OwnPlugin", 0),
        ]
    );
    let [ok, .., bad, _, lacks, _, _] = told.plugins.as_slice() else { panic!("{told:?}") };
    assert_eq!(ok.users, ["shop/pr-0", "shop/pr-1", "shop/pr-2", "shop/pr-3", "shop/pr-4"]);
    assert_eq!(lacks.message.as_deref(), Some("no Secret `a`"));
    assert_eq!(bad.message.as_ref().map(|text| text.chars().count()), Some(512));
}

#[test]
fn what_is_told_is_bounded_and_what_is_in_use_is_told_first() {
    let all: Vec<_> = (0..502).map(|at| plugin(&format!("p{at:03}@1.0.0"), "a")).collect();
    let told = tell(&listing(&all), &[], &[record("pr-1", "db", "p501@1.0.0")], &BTreeMap::new());
    assert_eq!((told.plugins.len(), told.omitted), (500, 2));
    assert_eq!(told.plugins[0].identity, "p501@1.0.0");
}

fn member(name: &str, heartbeat: Option<i64>, plugins: Vec<MemberPlugin>, omitted: i64) -> MemberCluster {
    let mut member = MemberCluster::new(name, crate::api::MemberClusterSpec { cluster: "c".into() });
    let heartbeat = heartbeat.map(|seconds| at(seconds).to_string());
    member.status = Some(MemberClusterStatus { heartbeat, summary: None, plugins, omitted });
    member
}

fn used(identity: &str, instances: i64) -> MemberPlugin {
    let users = if instances > 0 { vec!["shop/pr-1".to_owned()] } else { Vec::new() };
    MemberPlugin { identity: identity.into(), instances, users, ..MemberPlugin::default() }
}

#[test]
fn silence_of_a_cluster_ends_no_use() {
    let mut mute = member("mute", None, Vec::new(), 0);
    mute.status = None;
    for (seen, silent) in
        [(Some(-299), false), (Some(-300), false), (Some(-301), true), (Some(60), false), (None, true)]
    {
        assert_eq!(is_silent(&member("a", seen, Vec::new(), 0), at(0)), silent, "{seen:?}");
    }
    assert!(is_silent(&mute, at(0)));
    let members = [
        member("east", Some(0), vec![used("pg@1.0.0", 1), used("pg@2.0.0", 0)], 0),
        member("north", Some(-3600), vec![used("pg@1.0.0", 2)], 0),
        member("south", Some(0), vec![used("redis@1.0.0", 1)], 3),
        mute,
    ];
    assert_eq!(
        uses(&members, "pg@1.0.0", at(0)),
        [
            "cluster east: 1 resource, of shop/pr-1",
            "cluster north (silent): 2 resources, of shop/pr-1",
            "perhaps cluster south, which has more plugins than it tells",
        ]
    );
    assert_eq!(uses(&members[..2], "pg@2.0.0", at(0)), [""; 0]);
}

#[test]
fn copies_are_written_by_the_runner_alone_and_what_is_the_clusters_own_by_anybody() {
    let own = plugin("pg@1.0.0", "a");
    let copy = copy(&own);
    let with = |change: &dyn Fn(&mut ResourcePlugin)| changed(&copy, change);
    let content = with(&|copy| copy.spec.description = Some("mine".into()));
    let unmarked = with(&|copy| copy.metadata.labels = None);
    let moved = with(&|copy| {
        copy.labels_mut().insert(LABEL_HUB.into(), "hub-2".into());
    });
    let forged = with(&|copy| copy.metadata.annotations = None);
    let labelled = with(&|copy| {
        copy.labels_mut().insert("team".into(), "data".into());
    });
    let left = with(&|copy| {
        copy.annotations_mut().insert("sandbind.dev/hub-left".into(), "2027".into());
    });
    let mut own_changed = own.clone();
    own_changed.spec.description = Some("mine".into());
    for (name, write, place) in [
        ("make a copy", Write::Create(&copy), Some("metadata.labels")),
        ("make one's own", Write::Create(&own), None),
        ("change content", Write::Update { old: &copy, new: &content }, Some("spec")),
        ("take the label off", Write::Update { old: &copy, new: &unmarked }, Some("metadata")),
        ("change the label", Write::Update { old: &copy, new: &moved }, Some("metadata")),
        ("take the annotation off", Write::Update { old: &copy, new: &forged }, Some("metadata")),
        ("make a copy of one's own", Write::Update { old: &own, new: &copy }, Some("metadata")),
        ("label a copy", Write::Update { old: &copy, new: &labelled }, None),
        ("leave", Write::Update { old: &copy, new: &left }, None),
        ("change one's own", Write::Update { old: &own, new: &own_changed }, None),
        ("delete a copy", Write::Delete(&copy), Some("ResourcePlugin pg@1.0.0")),
        ("delete a copy that was left", Write::Delete(&left), None),
        ("delete one's own", Write::Delete(&own), None),
    ] {
        let problem = guard(write);
        assert_eq!(problem.as_ref().map(|problem| problem.place.as_str()), place, "{name}");
        assert!(
            problem.is_none_or(|problem| problem.code == "PluginOfHub" && !problem.way_out.is_empty()),
            "{name}"
        );
    }
}

fn kubeconfig(cluster: &Value, user: &Value) -> String {
    json!({"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "h", "user": "u"}}],
        "clusters": [{"name": "h", "cluster": cluster}], "users": [{"name": "u", "user": user}]})
    .to_string()
}

#[test]
fn a_kubeconfig_is_taken_only_if_it_stands_for_itself() {
    let (server, token) = (json!({"server": "https://hub"}), json!({"token": "hush"}));
    let with = |more: Value| {
        let mut cluster = server.clone();
        cluster.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cluster
    };
    for (cluster, user, expected) in [
        (server.clone(), token.clone(), None),
        (with(json!({"certificate-authority-data": "aGk=", "tls-server-name": "hub"})), token.clone(), None),
        (with(json!({"insecure-skip-tls-verify": false})), token.clone(), None),
        (server.clone(), json!({"client-certificate-data": "a", "client-key-data": "b"}), None),
        (with(json!({"insecure-skip-tls-verify": true})), token.clone(), Some("not be verified")),
        (with(json!({"insecure-skip-tls-verify": "true"})), token.clone(), Some("not be verified")),
        (json!({"server": "http://hub"}), token.clone(), Some("`https://` alone")),
        (json!({"server": 7}), token.clone(), Some("`https://` alone")),
        (with(json!({"certificate-authority": "/etc/passwd"})), token.clone(), Some("names a file")),
        (server.clone(), json!({"tokenFile": "/var/run/token"}), Some("names a file")),
        (server.clone(), json!({"client-certificate": "a"}), Some("names a file")),
        (server.clone(), json!({"client-key": "a"}), Some("names a file")),
        (server.clone(), json!({"exec": {"command": "sh"}}), Some("run a program")),
        (server.clone(), json!({"auth-provider": {"name": "gcp"}}), Some("run a program")),
        (server.clone(), json!({"username": "a", "password": "hush"}), Some("`username` is not known")),
        (server.clone(), json!({"as": "system:admin"}), Some("`as` is not known")),
        (json!({}), token.clone(), Some("names no context")),
    ] {
        let text = kubeconfig(&cluster, &user);
        match (kubeconfig::read(&text), expected) {
            (Ok(value), None) => assert_eq!(kubeconfig::server(&value), Some("https://hub")),
            (Err(problems), Some(reason)) => {
                assert!(problems.iter().any(|problem| problem.reason.contains(reason)), "{problems:?}");
                assert!(!format!("{problems:?}").contains("hush"), "{problems:?}");
            }
            (read, _) => panic!("{text}: {read:?}"),
        }
    }
    for text in ["", "a: [", "[]", "token: hush\n: [", "current-context: c"] {
        let problems = kubeconfig::read(text).unwrap_err();
        assert!(problems.iter().all(|problem| problem.code == "RefusedKubeconfig"), "{problems:?}");
        assert!(!format!("{problems:?}").contains("hush"), "{problems:?}");
    }
}

#[test]
fn what_another_context_holds_is_looked_at_too() {
    let mut value: Value =
        serde_json::from_str(&kubeconfig(&json!({"server": "https://hub"}), &json!({"token": "t"}))).unwrap();
    value["users"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "other", "user": {"exec": {"command": "sh"}}}));
    let problems = kubeconfig::read(&value.to_string()).unwrap_err();
    assert_eq!(problems[0].place, "Secret sandbind-hub, key kubeconfig: users[1].user.exec");
}
