//! From nothing to a pod with a plugin's output, by the commands of docs/plugins.md.

use std::{path::PathBuf, time::Instant};

use super::support::{Namespace, fixtures::pod, sandbind, unique};

/// A plugin of somebody who begins, in a folder of their own; removed in the end.
struct First {
    name: String,
    folder: PathBuf,
}

impl First {
    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Changes what stands in a file.
    fn change(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(from), "the starting point has changed: {text}");
        std::fs::write(self.file(name), text.replace(from, to)).unwrap();
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let _ = sandbind(&["plugin", "delete", &self.name, "--all-versions", "--force"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[track_caller]
fn done(arguments: &[&str]) -> String {
    let ended = sandbind(arguments);
    assert_eq!(ended.code, 0, "sandbind {}: {ended:?}", arguments.join(" "));
    ended.stdout
}

#[test]
fn a_stranger_has_a_tested_plugin_and_a_pod_that_uses_it_in_minutes() {
    let begin = Instant::now();
    let name = format!("first-{}", unique());
    let folder = std::env::temp_dir().join(&name);
    let first = First { name, folder };
    let name = first.name.as_str();
    done(&["plugin", "init", name, "--directory", &first.folder.display().to_string()]);
    let plugin = first.file("plugin.yaml");
    // The image that the starting point names is not to be had here; this one has a shell too.
    first.change("plugin.yaml", "docker.io/library/debian:12.9-slim", "localhost/test:1");
    done(&["plugin", "validate", "--strict", "-f", &plugin]);
    let tested = done(&["plugin", "test", "-f", &plugin, "--kill-at", "random"]);
    assert!(tested.contains("conformance L3") && tested.ends_with("ok\n"), "{tested}");
    eprintln!("from nothing to a plugin that is tested: {:.1} s of commands", begin.elapsed().as_secs_f64());

    let shop = Namespace::new();
    let in_pods = done(&["plugin", "test", "-f", &plugin, "--executor", "cluster", "-n", &shop.name]);
    assert!(in_pods.contains("provision.path") && in_pods.ends_with("ok\n"), "{in_pods}");
    shop.nothing_left(60);

    done(&["plugin", "apply", "-f", &plugin]);
    shop.apply(&std::fs::read_to_string(first.file("binding.yaml")).unwrap());
    shop.apply(&pod("web", "pr-1"));
    shop.ready_pod("app=web", 120);
    let seen = shop.exec("web", "app", &["sh", "-c", "echo \"$RESOURCE_PATH\""]).unwrap();
    assert!(seen.starts_with(&format!("/tmp/{name}-")), "{seen}");
    eprintln!("from nothing to a pod that uses it: {:.1} s", begin.elapsed().as_secs_f64());
    shop.kubectl(&["delete", "pod", "web"]);
    shop.nothing_left(120);
    done(&["plugin", "delete", name]);
}
