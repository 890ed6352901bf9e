//! The values, the plugin that shouts them, and how they are recognised.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::json;

/// The ways a value can take: two outputs (one delivered, one for later steps only), a sensitive param, an env var and a file that
/// the overlay takes from a Secret.
pub const KINDS: [&str; 5] = ["out", "inner", "param", "env", "file"];

/// The canaries of one test.
pub struct Song {
    /// Of the plugin and of its Secret.
    pub name: String,
    /// What all values begin with: letters and digits only, so that it survives most forms.
    head: String,
}

impl Song {
    pub fn new(name: &str) -> Self {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        Self { name: name.to_owned(), head: format!("zq{:014x}", nanos & 0x00ff_ffff_ffff_ffff) }
    }

    /// A value, with characters that URLs and JSON write otherwise.
    fn value(&self, kind: &str) -> String {
        format!("{}{kind}+/=&% \"x", self.head)
    }

    /// Where a text holds a canary, in plain or within a URL or JSON text, in base64 at any alignment, in hexadecimal.
    pub fn heard(&self, text: &str) -> Option<String> {
        let mut forms = vec![self.head.clone()];
        for shift in 0..3 {
            let bytes = ["\0\0\0".get(..shift).unwrap(), self.head.as_str()].concat();
            let digits = STANDARD_NO_PAD.encode(&bytes);
            forms.push(digits[[0, 2, 3][shift]..bytes.len() * 8 / 6].to_owned());
        }
        let hex = hex(&self.head);
        forms.extend([hex.to_uppercase(), hex]);
        forms.iter().find_map(|form| {
            let at = text.find(form.as_str())?;
            Some(
                text[..at].chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect::<String>()
                    + form,
            )
        })
    }

    /// What the overlay takes its values from.
    pub fn secret(&self) -> String {
        let metadata = json!({"name": self.name, "namespace": "sandbind-steps"});
        let values = json!({"env": self.value("env"), "file": self.value("file")});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}).to_string()
    }

    /// Every script shouts every value in every form. `which` chooses the one that is the last line of a failing step.
    pub fn plugin(&self) -> String {
        let overlay = json!({"spec": {
            "containers": [{
                "name": "main",
                "env": [{"name": "OVERLAY", "valueFrom": {"secretKeyRef": {"name": self.name, "key": "env"}}}],
                "volumeMounts": [{"name": "canary", "mountPath": "/canary"}],
            }],
            "volumes": [{"name": "canary", "secret": {"secretName": self.name, "items": [{"key": "file", "path": "file"}]}}],
        }});
        let params = [
            json!({"name": "which", "valueFromSandbox": true}),
            json!({"name": "pass", "valueFromSandbox": true}),
        ];
        let from =
            |output: &str| json!({"name": output, "valueFromStep": {"name": "make", "output": output}});
        let [which, pass] = params;
        json!({
            "apiVersion": "sandbind.dev/v1alpha1",
            "kind": "ResourcePlugin",
            "metadata": {"name": self.name},
            "spec": {
                "name": self.name,
                "runner": {"image": "localhost/test:1", "podTemplateOverlay": overlay.to_string()},
                "params": [{"name": "which"}, {"name": "pass", "sensitive": true}],
                "create": [{
                    "name": "make",
                    "inputs": [which, pass],
                    "outputs": [
                        {"name": "url", "valueFromPath": "/tmp/url"},
                        {"name": "inner", "valueFromPath": "/tmp/inner", "deliver": false},
                    ],
                    "script": Self::script(&format!(
                        "URL={}\nINNER={}\nprintf %s \"$URL\" > /tmp/url\nprintf %s \"$INNER\" > /tmp/inner\n",
                        self.halves("out"), self.halves("inner")
                    ), "1"),
                }],
                "delete": [{
                    "name": "unmake",
                    "inputs": [which, pass, from("url"), from("inner")],
                    "script": Self::script("[ \"$SANDBIND_ATTEMPT\" = 1 ] && WHICH=param || WHICH=none\n", "\"$SANDBIND_ATTEMPT\""),
                }],
            },
        })
        .to_string()
    }

    /// A shell word that makes a value which the script itself does not hold.
    fn halves(&self, kind: &str) -> String {
        let (one, two) = self.head.split_at(self.head.len() / 2);
        let rest = self.value(kind).replace(&self.head, "");
        format!("$(printf '%s%s%s' {one} {two} '{rest}')")
    }

    fn script(begin: &str, attempt: &str) -> String {
        format!(
            r#"#!/bin/sh
{begin}FILE=$(cat /canary/file)
url() {{ printf %s "$1" | sed -e 's/%/%25/g' -e 's/+/%2B/g' -e 's/\//%2F/g' -e 's/=/%3D/g' -e 's/&/%26/g' -e 's/ /%20/g' -e 's/"/%22/g'; }}
for value in "$URL" "$INNER" "$PASS" "$OVERLAY" "$FILE"; do
  echo "plain $value, in a URL https://me:$(url "$value")@db/, in JSON {{\"a\": \"$(printf %s "$value" | sed 's/"/\\"/g')\"}}"
  echo "base64 $(printf %s "$value" | base64 | tr -d '\n'), of a pair $(printf 'me:%s' "$value" | base64 | tr -d '\n')"
  echo "hexadecimal $(printf %s "$value" | xxd -p | tr -d '\n')" >&2
done
case "$WHICH" in
  out) echo "$URL"; exit 3 ;;
  inner) echo "$INNER" >&2; exit 3 ;;
  param) echo "user=me password=$PASS"; exit 3 ;;
  env) echo "https://me:$(url "$OVERLAY")@db/"; exit 3 ;;
  file) printf %s "$FILE" | base64; exit 3 ;;
esac
echo "attempt" {attempt} "is done: $URL"
"#
        )
    }

    pub fn binding(&self) -> String {
        json!({
            "apiVersion": "sandbind.dev/v1alpha1",
            "kind": "ResourceBinding",
            "metadata": {"name": "main"},
            "spec": {
                "resources": [{"name": "db", "plugin": self.name, "params": {"pass": self.value("param"), "which": "none"}}],
                "env": [{"name": "DB_URL", "valueFrom": {"resource": {"name": "db", "outputKey": "make.url"}}}],
                "files": [{"path": "/bindings/db", "resource": "db"}],
                "linger": "1s",
                "wait": {"mode": "Gate"},
            },
        })
        .to_string()
    }

    /// A sandbox in which the step fails with this value as its last line, or does not.
    pub fn sandbox(kind: &str) -> String {
        let spec = json!({"params": {"db": {"which": kind}}});
        let metadata = json!({"name": kind});
        json!({"apiVersion": "sandbind.dev/v1alpha1", "kind": "Sandbox", "metadata": metadata, "spec": spec})
            .to_string()
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[test]
fn a_canary_is_heard_in_every_form() {
    let song = Song::new("x");
    let value = song.value("out");
    let hex = hex(&value).to_uppercase();
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    for text in
        [&value, &base64(&value), &base64(&format!("u:{value}")), &base64(&format!("me:{value}")), &hex]
    {
        assert!(song.heard(&format!("before {text} after")).is_some(), "{text}");
    }
    assert!(song.heard(&song.plugin()).is_none() && song.heard("nothing").is_none());
}
