//! An app that reads its files all the time and is told of new ones by HTTP.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::support::{Ledger, Namespace, eventually, fixtures::Plugin};

/// How much each value is filled up: more than one page, so that a write in place would be seen half done.
const FILL: usize = 8000;

/// Both outputs change together; each begins and ends with the run that made it.
fn plugin() -> Plugin {
    let value = |id: &str| format!("printf 'v-%s-%0{FILL}d-%s-v' {id} 0 {id} | tee /tmp/url > /tmp/token");
    let refresh = format!(
        r"refresh:
  every: 8s
  steps:
  - name: make
    outputs: [{{name: token, valueFromPath: /tmp/token}}, {{name: url, valueFromPath: /tmp/url}}]
    script: |
      #!/bin/bash
      set -eu
      {}
",
        value("refresh$SANDBIND_ATTEMPT")
    );
    Plugin::with(&value("create"), "", &refresh)
}

/// Says `torn`, `mixed`, `seen ID SECONDS` and, when it is told, `told ID`.
const APP: &str = r#"
trap exit TERM
mkdir -p /tmp/www/cgi-bin
cat > /tmp/www/cgi-bin/reload <<'CGI'
#!/bin/bash
read -r text < /bindings/db/make.token
id=${text#v-}
echo "told ${id%%-*}" > /proc/1/fd/1
printf 'Content-Type: text/plain\r\n\r\nthanks\n'
CGI
chmod 755 /tmp/www/cgi-bin/reload
busybox httpd -p 8080 -h /tmp/www
printf -v fill '%0FILLd' 0
exec {never}<> <(:)
last=
while :; do
  set=$(readlink /bindings/db/..data)
  for name in token url; do
    read -r text < /bindings/db/make.$name
    id=${text#v-}
    id=${id%%-*}
    [[ $text == "v-$id-$fill-$id-v" ]] || echo "torn $name: ${#text} characters"
  done
  read -r token < "/bindings/db/$set/make.token"
  read -r url < "/bindings/db/$set/make.url"
  [[ $token == "$url" ]] || echo "mixed: ${token:0:20} with ${url:0:20}"
  [[ $id == "$last" ]] || echo "seen $id $EPOCHREALTIME"
  last=$id
  read -rt 0.01 -u $never
done
"#;

fn workload(plugin: &str) -> String {
    let script: String =
        APP.replace("FILL", &FILL.to_string()).lines().map(|line| format!("      {line}\n")).collect();
    format!(
        r"apiVersion: sandbind.dev/v1alpha1
kind: ResourceBinding
metadata: {{name: main}}
spec:
  resources: [{{name: db, plugin: {plugin}}}]
  linger: 1s
  files: [{{path: /bindings/db, resource: db}}]
  onRefresh: {{http: {{port: 8080, path: /cgi-bin/reload}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: a, labels: {{app: a, sandbind.dev/sandbox: pr-1}}}}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: app
    image: localhost/psql:1
    resources: {{limits: {{cpu: 300m}}}}
    command: [bash, -c]
    args:
    - |
{script}"
    )
}

/// What the app said, by its first word.
fn said(log: &str, word: &str) -> Vec<String> {
    log.lines().filter_map(|line| line.strip_prefix(word)).map(|rest| rest.trim().to_owned()).collect()
}

#[test]
fn a_refresh_reaches_the_app_within_two_seconds_whole_and_announced() {
    Ledger::get();
    let shop = Namespace::new();
    let plugin = plugin();
    shop.apply(&workload(&plugin.name));
    shop.ready_pod("app=a", 120);
    // When each refresh run's result came, by the runner's clock, which is this machine's.
    let mut results: BTreeMap<String, Timestamp> = BTreeMap::new();
    let log = || shop.kubectl(&["logs", "a", "-c", "app"]);
    eventually("three refreshes were seen", 120, || {
        let record = shop.instance("pr-1", "db").ok_or("no record")?;
        for step in record["status"]["steps"].as_array().unwrap() {
            let last = &step["last"];
            if step["work"] == "refresh" && !last.is_null() {
                let at = last["at"].as_str().unwrap().parse().unwrap();
                results.insert(format!("refresh{}", last["attempt"]), at);
            }
        }
        let log = log();
        let told = said(&log, "told ").len();
        if told >= 3 && results.len() >= 3 { Ok(()) } else { Err(format!("{results:?}\n{log}")) }
    });
    let log = log();
    assert_eq!(said(&log, "torn "), [""; 0], "each file is whole at any time");
    assert_eq!(said(&log, "mixed"), [""; 0], "the files of one set are of one run");
    // bash's EPOCHREALTIME has six places.
    let moment = |at: &str| Timestamp::from_microsecond(at.replace('.', "").parse().unwrap()).unwrap();
    let seen: Vec<(String, Timestamp)> = said(&log, "seen ")
        .iter()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(id, at)| (id.to_owned(), moment(at)))
        .collect();
    let order: Vec<&str> = seen.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(order[..4], ["create", "refresh1", "refresh2", "refresh3"], "the old until the new");
    let told = said(&log, "told ");
    assert_eq!(told[..3], order[1..4], "told once of each, when its files were there");
    let late: Vec<f64> =
        seen.iter().filter_map(|(id, at)| Some(at.duration_since(*results.get(id)?).as_secs_f64())).collect();
    println!("from the result of a refresh until the app read it, in seconds: {late:.2?}");
    assert!(late.len() >= 2 && late.iter().all(|late| *late > 0.0), "{late:?}");
    // The machine does forty other things, so one of them may meet a moment in which nothing here gets a turn. What it takes as a rule
    // is the promise; that none is left for a probe or a pass that comes every so often is what the bound on each of them says.
    let mut sorted = late.clone();
    sorted.sort_by(f64::total_cmp);
    let median = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    assert!(median < 2.0, "{late:?}");
    assert!(late.iter().all(|late| *late < 10.0), "{late:?}");
    shop.kubectl(&["delete", "pod", "a"]);
    shop.nothing_left(120);
}
