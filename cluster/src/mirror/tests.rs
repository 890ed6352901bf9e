use futures::stream;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ObjectMeta;

use super::*;

fn object(namespace: &str, name: &str, text: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.into()),
            namespace: Some(namespace.into()),
            ..ObjectMeta::default()
        },
        data: Some([("text".to_owned(), text.to_owned())].into()),
        ..ConfigMap::default()
    }
}

fn text(object: ConfigMap) -> Option<String> {
    object.data?.remove("text").filter(|text| text != "leave out")
}

/// Plays the events and answers the changes, as `name before>after`.
async fn changes(mirror: &Mirror<String>, scope: Option<&str>, events: Vec<Event<ConfigMap>>) -> Vec<String> {
    let seen = Mutex::new(Vec::new());
    let say = |value: Option<&Arc<String>>| value.map_or_else(|| "-".to_owned(), ToString::to_string);
    mirror
        .follow(scope, stream::iter(events.into_iter().map(Ok)), text, |change| {
            seen.lock().unwrap().push(format!(
                "{} {}>{}",
                change.key.name,
                say(change.before),
                say(change.after)
            ));
        })
        .await;
    seen.into_inner().unwrap()
}

fn listing(objects: Vec<ConfigMap>) -> Vec<Event<ConfigMap>> {
    let mut events = vec![Event::Init];
    events.extend(objects.into_iter().map(Event::InitApply));
    events.push(Event::InitDone);
    events
}

#[tokio::test]
async fn an_object_missing_from_a_new_listing_is_gone_although_no_event_said_so() {
    let mirror = Mirror::default();
    let first = listing(vec![object("a", "one", "1"), object("a", "two", "2")]);
    assert_eq!(changes(&mirror, None, first).await, ["one ->1", "two ->2"]);
    assert!(mirror.is_synced());
    let second = listing(vec![object("a", "two", "2"), object("a", "three", "3")]);
    assert_eq!(changes(&mirror, None, second).await, ["three ->3", "one 1>-"]);
    assert_eq!(mirror.len(), 2);
}

#[tokio::test]
async fn a_listing_of_one_namespace_says_nothing_about_another() {
    let mirror = Mirror::default();
    changes(&mirror, Some("a"), listing(vec![object("a", "one", "1")])).await;
    changes(&mirror, Some("b"), listing(vec![object("b", "two", "2")])).await;
    assert_eq!(changes(&mirror, Some("b"), listing(vec![])).await, ["two 2>-"]);
    assert!(mirror.get(&Key::new("a", "one")).is_some());
}

#[tokio::test]
async fn nothing_is_said_where_nothing_that_is_kept_has_changed() {
    let mirror = Mirror::default();
    changes(&mirror, None, listing(vec![object("a", "one", "1")])).await;
    assert!(changes(&mirror, None, vec![Event::Apply(object("a", "one", "1"))]).await.is_empty());
    let left_out = vec![Event::Apply(object("a", "one", "leave out"))];
    assert_eq!(changes(&mirror, None, left_out).await, ["one 1>-"]);
}

#[tokio::test]
async fn a_deletion_tells_the_last_state_before_it_tells_the_end() {
    let mirror = Mirror::default();
    changes(&mirror, None, listing(vec![object("a", "one", "running")])).await;
    let gone = vec![Event::Delete(object("a", "one", "ended"))];
    assert_eq!(changes(&mirror, None, gone).await, ["one running>ended", "one ended>-"]);
}

#[tokio::test]
async fn a_waiter_sees_the_change_it_waits_for() {
    let mirror = Mirror::default();
    let key = Key::new("a", "one");
    let waiting = mirror.until(&key, |text| text.is_some_and(|text| text == "2"));
    let events = vec![Event::Apply(object("a", "one", "1")), Event::Apply(object("a", "one", "2"))];
    futures::join!(waiting, changes(&mirror, None, events));
    assert!(mirror.waiting().len() == 1);
    mirror.until(&key, |text| text.is_some()).await;
}
