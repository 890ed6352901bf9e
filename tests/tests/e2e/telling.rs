//! What people are told by Events.

use super::support::{
    Namespace, eventually,
    programs::{RUNNER, kill, rollout},
    storm,
};

#[test]
fn what_another_runner_tells_again_is_counted_and_not_doubled() {
    let _storm = storm();
    let shop = Namespace::new();
    shop.apply("apiVersion: sandbind.dev/v1alpha1\nkind: Sandbox\nmetadata: {name: pr-1}\nspec: {ttl: {duration: 30m}}\n");
    let told = |times: u64| {
        eventually(&format!("the end within the hour is told {times} times"), 90, || {
            let list = shop.json(&["events.events.k8s.io"]);
            let all = list["items"].as_array().cloned().unwrap_or_default();
            let events: Vec<_> = all.iter().filter(|one| one["reason"] == "Expiring").collect();
            match events[..] {
                [event] if times == 1 || event["series"]["count"].as_u64() >= Some(times) => Ok(()),
                [_, _, ..] => panic!("doubled: {events:?}"),
                _ => Err(format!("{events:?}")),
            }
        });
    };
    told(1);
    kill(RUNNER);
    rollout(RUNNER);
    told(2);
    shop.kubectl(&["delete", "sandbox", "pr-1", "--timeout=60s"]);
}
