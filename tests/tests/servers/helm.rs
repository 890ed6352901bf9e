//! Helm releases on an API server without nodes.

use crate::{
    example::Example,
    kubernetes,
    server::{Server, shell},
};

/// The example's name.
pub(crate) const NAME: &str = "helm";

fn server() -> Example {
    kubernetes::example(NAME, "HELM_NAMESPACE", "sandbind-releases", "secrets,configmaps,services")
}

/// Brings a release into each state that only a killed helm leaves, and lets the example's scripts have it. What helm waits for does not
/// come: nobody gives a Service of this type an address, and nobody removes the finalizer.
const UNFINISHED: &str = r#"
export SANDBIND_NAME=local-half-way PORT=8080 LOG_LEVEL=info
mkdir -p stuck/templates
printf 'apiVersion: v2\nname: web\nversion: 1.0.0\n' >stuck/Chart.yaml
cat >stuck/templates/web.yaml <<'YAML'
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {type: LoadBalancer, ports: [{port: 80}]}
YAML
create() { sh "$SCRIPTS/create.sh"; is deployed; }
delete() { sh "$SCRIPTS/delete.sh"; }
is() { # STATE: waits for it, at most a minute
  local end=$((SECONDS + 60)) seen=
  until seen=$(helm status "$SANDBIND_NAME" 2>/dev/null | sed -n 's/^STATUS: //p') && [ "$seen" = "$1" ]; do
    [ "$SECONDS" -lt "$end" ] || { echo "the release is '$seen', not $1" >&2; return 1; }
  done
}
killed() { # STATE HELM-COMMAND: kills helm when the release is in that state
  local state=$1; shift
  helm "$@" --wait --timeout 2m >/dev/null 2>&1 &
  is "$state"
  kill -KILL $!
  wait $! || true
  is "$state"
}
finalizers() { kubectl --namespace "$HELM_NAMESPACE" patch configmap "$SANDBIND_NAME" --type merge -p "{\"metadata\":{\"finalizers\":$1}}"; }
for after in create delete; do
  killed pending-install install "$SANDBIND_NAME" ./stuck
  "$after"
  create
  killed pending-upgrade upgrade "$SANDBIND_NAME" ./stuck
  "$after"
  create
  finalizers '["example.com/held"]'
  killed uninstalling uninstall "$SANDBIND_NAME"
  finalizers '[]'
  "$after"
  delete
done
"#;

#[test]
fn each_sandbox_has_a_release_that_goes_with_its_objects() {
    let example = server();
    example.check();
    // In the same namespace: afterwards, for the lists of both would show what the other makes.
    a_release_that_a_killed_helm_left_is_made_anew_and_removed(&example);
}

fn a_release_that_a_killed_helm_left_is_made_anew_and_removed(example: &Example) {
    let folder = Server::new();
    let scripts = sandbind_tests::pages::root().join("examples").join(NAME);
    let mut env = example.env.clone();
    env.push(("HOME", folder.path("")));
    env.push(("SCRIPTS", scripts.display().to_string()));
    let ask = |text: &str| shell(folder.folder.path(), text, &env).unwrap_or_else(|error| panic!("{error}"));
    let before = ask(&example.list);
    ask(UNFINISHED);
    assert_eq!(ask(&example.list), before, "something is left of an unfinished release");
}
