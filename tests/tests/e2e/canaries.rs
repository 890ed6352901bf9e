//! Values stay in Secrets: canaries are put through every way that a value can take, every script shouts them in every form, and
//! then everything that can be read is searched for them.

mod places;
mod song;

use song::{KINDS, Song};

use super::support::{Namespace, apply, eventually, fixtures::pod, sandbind, try_kubectl, unique};

/// What is around: a plugin whose scripts shout, its Secret, and a namespace that uses it.
struct Cage {
    shop: Namespace,
    song: Song,
}

impl Cage {
    fn new() -> Self {
        let song = Song::new(&format!("canary{}", unique()));
        apply(&song.secret());
        apply(&song.plugin());
        let shop = Namespace::new();
        // Not applied: `kubectl apply` would copy the binding into an annotation, with what its author wrote into it.
        shop.create(&song.binding()).unwrap();
        for kind in KINDS.iter().copied().chain(["none"]) {
            shop.create(&Song::sandbox(kind)).unwrap();
        }
        Self { shop, song }
    }

    fn phase(&self, sandbox: &str) -> String {
        let record = self.shop.instance(sandbox, "db").unwrap_or_default();
        record["status"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    /// What people are shown by commands, good news and bad.
    fn told(&self) -> Vec<(String, String)> {
        let mut told = Vec::new();
        let shop = self.shop.name.as_str();
        for kind in KINDS.iter().copied().chain(["none"]) {
            for verb in ["why", "logs", "get"] {
                let ended = sandbind(&["sandbox", verb, kind, "-n", shop, "-o", "yaml"]);
                told.push((format!("sandbind sandbox {verb} {kind}"), ended.stdout + &ended.stderr));
            }
        }
        let orphans = sandbind(&["orphans", "list", "--all", "-n", shop, "-o", "yaml"]);
        told.push(("sandbind orphans list".to_owned(), orphans.stdout + &orphans.stderr));
        let pods = self.shop.kubectl(&["describe", "pods,sandboxes"]);
        told.push(("kubectl describe".to_owned(), pods));
        told
    }

    #[track_caller]
    fn nothing_in(&self, found: &[(String, String)]) {
        let bytes: usize = found.iter().map(|(_, text)| text.len()).sum();
        println!("searched {} places, {} KiB", found.len(), bytes >> 10);
        let seen: Vec<String> = found
            .iter()
            .filter_map(|(place, text)| Some(format!("{place}: …{}…", self.song.heard(text)?)))
            .collect();
        assert!(seen.is_empty(), "{} places show a value:\n{}", seen.len(), seen.join("\n"));
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let name = self.song.name.as_str();
        let _ = try_kubectl(&["delete", "resourceplugin", name, "--ignore-not-found", "--wait=false"]);
        let _ = try_kubectl(&["-n", "sandbind-steps", "delete", "secret", name, "--ignore-not-found"]);
    }
}

#[test]
fn no_value_is_seen_anywhere_but_in_secrets() {
    let begin = places::Begin::now();
    let watch = places::Watch::start();
    let cage = Cage::new();
    let shop = &cage.shop;
    // Each failing sandbox's script ends with one of the values as its last line; the last one succeeds.
    for kind in KINDS.iter().copied().chain(["none"]) {
        shop.create(&pod(&format!("pod-{kind}"), kind).replace("env; ", "")).unwrap();
    }
    let mut told = Vec::new();
    for kind in KINDS {
        // Between its rounds: the next one would admit the pod gated.
        let denied = eventually(&format!("a denial, for the round of `{kind}` failed"), 180, || {
            match cage.phase(kind).as_str() {
                "Failed" => {}
                other => return Err(shop.seen(other)),
            }
            let name = format!("late-{kind}");
            let Err(denied) = shop.create(&pod(&name, kind)) else {
                shop.kubectl(&["delete", "pod", &name, "--wait=false", "--grace-period=0", "--force"]);
                return Err(shop.seen("admitted in the next round"));
            };
            if denied.contains("exit 3") { Ok(denied) } else { Err(shop.seen(denied)) }
        });
        assert!(denied.contains("[redacted]"), "{denied}");
        told.push((format!("denial of {kind}"), denied));
    }
    shop.ready_pod("app=pod-none", 180);
    let file = shop.exec("pod-none", "app", &["cat", "/bindings/db/make.url"]).unwrap();
    assert!(cage.song.heard(&file).is_some(), "the app itself gets the value, or nothing is shown: {file}");

    told.extend(cage.told());
    let logged = told.iter().find(|(place, _)| place == "sandbind sandbox logs none").unwrap();
    assert!(logged.1.contains("[redacted]"), "the scripts have shouted: {logged:?}");
    cage.nothing_in(&told);
    cage.nothing_in(&places::all(&begin, shop));

    shop.kubectl(&["delete", "pods,sandboxes", "--all", "--wait=false", "--grace-period=2"]);
    shop.nothing_left(180);
    // The delete scripts have shouted too.
    cage.nothing_in(&places::all(&begin, shop));
    let seen = watch.stop();
    assert!(
        seen.iter().any(|(place, _)| place.contains("/sandbind-steps_")),
        "no log of a step pod was seen"
    );
    cage.nothing_in(&seen);
}
