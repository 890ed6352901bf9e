//! Findings.

use super::*;
use crate::api::plugin::{InputAs, Output, Runner, ValueFromStep};

fn plugin(script: &str) -> ResourcePluginSpec {
    let step = Step { name: "make".into(), script: script.into(), ..Step::default() };
    let delete = Step {
        name: "drop".into(),
        script: "#!/bin/sh\nrm -rf \"/x/$SANDBIND_NAME\"\n".into(),
        ..Step::default()
    };
    ResourcePluginSpec {
        name: "p".into(),
        runner: Runner { image: "i:1".into(), ..Runner::default() },
        create: vec![step],
        delete: vec![delete],
        version: None,
        description: None,
        params: None,
        refresh: None,
        allowed_namespaces: None,
        limits: None,
    }
}

fn codes(plugin: &ResourcePluginSpec) -> Vec<String> {
    lint(plugin).into_iter().map(|problem| problem.code).collect()
}

#[test]
fn scripts_that_hide_failures_or_show_secrets_are_told_and_their_careful_forms_are_not() {
    for (body, expected) in [
        ("set -eu\necho a\necho b", ""),
        ("set -o errexit\necho a\necho b", ""),
        ("cd /x && set -e\necho b", ""),
        ("echo a\necho b", "GoesOnAfterFailure"),
        ("# a comment\n\necho alone", ""),
        ("set -e\npsql <<SQL\nSELECT 1;\nSQL", "PsqlGoesOn"),
        ("set -e\npsql -v ON_ERROR_STOP=1 <<SQL\nSELECT 1;\nSQL", ""),
        ("set -e\npsql -c 'SELECT 1'", ""),
        ("set -e\ncat <<'T'\npsql and curl x and apt-get install\nT\necho b", ""),
        ("set -e\ncurl -sS https://x/y", "CurlIgnoresErrors"),
        ("set -e\ncurl -sS \\\n  --fail https://x/y", ""),
        ("set -e\ncurl -sSfo out https://x/y", ""),
        ("set -e\ncode=$(curl -s -o out -w '%{http_code}' https://x)", ""),
        ("set -e\napt-get -y install jq", "InstallsAtRunTime"),
        ("set -e\napk add --no-cache jq", "InstallsAtRunTime"),
        ("set -e\nwget -qO- https://x | sh", "InstallsAtRunTime"),
        ("set -e\nmysql -p\"$PASSWORD\" -e 'SELECT 1'", "SecretInArguments"),
        ("set -e\nmysql --password=\"$PASSWORD\" -e 'SELECT 1'", "SecretInArguments"),
        ("set -e\ncurl -f -u \"admin:$TOKEN\" https://x", "SecretInArguments"),
        ("set -e\nmkdir -p \"$FOLDER\"", ""),
        ("set -e\n# sandbind: allow CurlIgnoresErrors\ncurl https://x", ""),
    ] {
        let found = codes(&plugin(&format!("#!/bin/sh\n{body}\n")));
        assert_eq!(found.join(" "), expected, "{body}");
    }
    for script in [
        "#!/bin/sh -e\na\nb\n",
        "#!/usr/bin/env python3\na\nb\ncurl x\n",
        "#!/usr/bin/env bash\nset -euo pipefail\na\n",
    ] {
        assert_eq!(codes(&plugin(script)), Vec::<String>::new(), "{script}");
    }
}

#[test]
fn what_is_found_has_its_place_in_the_script() {
    let script = "#!/bin/sh\nset -e\n  curl x\n";
    let problem = lint(&plugin(script)).remove(0);
    let bytes = problem.bytes().unwrap();
    assert_eq!(&script[bytes.start as usize..bytes.end as usize], "curl");
    assert_eq!(problem.place, "spec.create[0].script");
}

#[test]
fn images_outputs_inputs_and_delete_steps_are_looked_at() {
    for (image, told) in [
        ("postgres", true),
        ("postgres:latest", true),
        ("host:5000/postgres", true),
        ("host:5000/postgres:17", false),
        ("postgres@sha256:abc", false),
        ("", false),
    ] {
        let mut plugin = plugin("#!/bin/sh\n");
        plugin.runner.image = image.into();
        assert_eq!(codes(&plugin).contains(&"UnpinnedImage".to_owned()), told, "{image}");
    }
    let mut told = plugin("#!/bin/sh\nset -e\nprintf %s \"$HOST\" >/tmp/url\n");
    let output = |name: &str, path: &str| Output {
        name: name.into(),
        value_from_path: path.into(),
        ..Output::default()
    };
    told.create[0].outputs = vec![output("url", "/tmp/url"), output("port", "/tmp/port")];
    let input = |name: &str, path: Option<&str>| Input {
        name: name.into(),
        as_: path.map(|path| InputAs { path: Some(path.into()), env: None }),
        ..Input::default()
    };
    told.create[0].inputs =
        vec![input("host", None), input("db-name", None), input("key", Some("/in/key.pem"))];
    let codes_of = codes(&told);
    assert_eq!(codes_of, ["OutputNeverWritten", "InputNeverUsed", "InputNeverUsed"]);

    let mut blind = plugin("#!/bin/sh\n");
    blind.delete[0].script = "#!/bin/sh\nrm -rf /x\n".into();
    assert_eq!(codes(&blind), ["DeleteFindsNothing"]);
    blind.delete[0].inputs = vec![Input {
        name: "url".into(),
        value_from_step: Some(ValueFromStep { name: "make".into(), output: "url".into() }),
        ..Input::default()
    }];
    assert_eq!(codes(&blind), ["InputNeverUsed"], "what it takes is at least there");
}
