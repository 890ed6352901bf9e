//! What an agent is told.

use super::*;
use crate::api::{
    Span,
    instance::InstanceKey,
    plugin::{InputAs, Output, Runner, ValueFromStep},
};

fn input(name: &str, from: Option<(&str, &str)>, as_: Option<InputAs>) -> Input {
    Input {
        name: name.into(),
        value_from_sandbox: from.is_none().then_some(true),
        value_from_step: from
            .map(|(step, output)| ValueFromStep { name: step.into(), output: output.into() }),
        as_,
        type_: None,
    }
}

fn told(inputs: Vec<Input>, late: u64) -> Assignment {
    let plugin = ResourcePluginSpec {
        name: "pg".into(),
        version: None,
        description: None,
        runner: Runner::default(),
        params: Some(vec![
            Param { name: "password".into(), sensitive: true, ..Param::default() },
            Param { name: "base-branch".into(), ..Param::default() },
        ]),
        create: vec![],
        delete: vec![],
        refresh: None,
        allowed_namespaces: None,
        limits: None,
    };
    let params = BTreeMap::from([
        ("password".to_owned(), "s3cret".to_owned()),
        ("base-branch".to_owned(), "main".to_owned()),
    ]);
    let outputs = BTreeMap::from([
        ("make.url".to_owned(), Bytes64::from("pg://x\n")),
        ("make.blank".to_owned(), Bytes64::from("\n")),
        ("make.lines".to_owned(), Bytes64::from("line-one-of-a-key\n--\n")),
        ("make.key".to_owned(), Bytes64(vec![0xff, 0x00])),
    ]);
    let spec = ResourceInstanceSpec {
        key: InstanceKey {
            namespace: "shop".into(),
            namespace_uid: "u".into(),
            sandbox: "PR-1".into(),
            resource: "usersDb".into(),
            scope: None,
        },
        incarnation: "life".into(),
        workload: None,
        format_version: 1,
    };
    let step = Step {
        name: "fill".into(),
        script: "#!/bin/sh\nexit 0".into(),
        inputs,
        outputs: vec![Output {
            name: "rows".into(),
            value_from_path: "/tmp/rows".into(),
            ..Output::default()
        }],
        timeout: Some(Span::from_secs(90)),
        ..Step::default()
    };
    let attempt = Attempt { spec: &spec, round: 2, work: Work::Create, step: &step, attempt: 3 };
    let given = Given { plugin: &plugin, params: &params, outputs: &outputs, routing_key: "route" };
    assignment(&attempt, &given, Duration::from_secs(late))
}

#[test]
fn inputs_become_env_vars_and_files_as_written() {
    let path = |path: &str| Some(InputAs { env: None, path: Some(path.into()) });
    let assignment = told(
        vec![
            input("base-branch", None, None),
            input(
                "url",
                Some(("make", "url")),
                Some(InputAs { env: Some("DB".into()), path: Some("in/url".into()) }),
            ),
            input("key", Some(("make", "key")), path("/tmp/key")),
            input("nobody-gave-it", None, None),
            input("never-came", Some(("make", "other")), path("/tmp/other")),
        ],
        0,
    );
    let own: Vec<_> = assignment
        .env
        .iter()
        .filter(|(name, _)| !name.starts_with("SANDBIND_") && !name.starts_with("SIGNADOT_"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(own, [("BASE_BRANCH", "main"), ("DB", "pg://x\n")]);
    let files: Vec<_> =
        assignment.files.iter().map(|file| (file.path.as_str(), file.content.0.as_slice())).collect();
    assert_eq!(files, [("in/url", &b"pg://x\n"[..]), ("/tmp/key", &[0xff, 0x00])]);
}

#[test]
fn every_script_is_told_who_it_works_for() {
    let env = told(vec![], 0).env;
    for (name, value) in [
        ("SANDBIND_SANDBOX", "PR-1"),
        ("SANDBIND_NAMESPACE", "shop"),
        ("SANDBIND_RESOURCE", "usersDb"),
        ("SANDBIND_INCARNATION", "life"),
        ("SANDBIND_NAME", &identity::external_name("PR-1", "life", 2)),
        ("SANDBIND_PHASE", "create"),
        ("SANDBIND_STEP", "fill"),
        ("SANDBIND_ATTEMPT", "3"),
        ("SIGNADOT_SANDBOX_ID", &identity::published_sandbox_id("life", 2)),
        ("SIGNADOT_SANDBOX_NAME", &identity::published_sandbox_name("PR-1", "life", 2)),
        ("SIGNADOT_SANDBOX_ROUTING_KEY", "route"),
        ("SIGNADOT_RESOURCE_NAME", "usersDb"),
    ] {
        assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(env.len(), 12);
}

#[test]
fn outputs_deadline_and_signal_are_the_steps_own_or_the_defaults() {
    let assignment = told(vec![], 0);
    assert_eq!(
        (assignment.timeout_seconds, &*assignment.signal, assignment.grace_seconds),
        (90, "SIGTERM", 30)
    );
    assert_eq!(assignment.outputs, [OutputPath { name: "rows".into(), path: "/tmp/rows".into() }]);
    assert_eq!(told(vec![], 60).timeout_seconds, 30, "an answer given late ends when its claim says");
    assert_eq!(told(vec![], 600).timeout_seconds, 1);
}

#[test]
fn sensitive_params_and_all_outputs_are_redacted_and_nothing_blank_is() {
    let redact = told(vec![], 0).redact;
    let text = [
        "s3cret",
        "pg://x\n",
        "pg://x",
        "line-one-of-a-key\n--\n",
        "line-one-of-a-key\n--",
        "line-one-of-a-key",
    ];
    let mut expected: BTreeSet<Bytes64> = text.map(Bytes64::from).into();
    expected.insert(Bytes64(vec![0xff, 0x00]));
    assert_eq!(redact.into_iter().collect::<BTreeSet<_>>(), expected);
}
