use proptest::prelude::*;

use super::*;
use crate::message::Folder;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn resource(name: &str, gated: bool, files: bool) -> PodResource {
    PodResource {
        name: name.to_owned(),
        instance: String::new(),
        incarnation: String::new(),
        reservation: String::new(),
        gated,
        mounted: (!gated).then(|| format!("/sandbind/bound/{name}")),
        env_keys: Vec::new(),
        folders: if files {
            vec![Folder { dir: format!("/f/{name}"), items: Vec::new() }]
        } else {
            Vec::new()
        },
    }
}

fn bindings(resources: Vec<PodResource>) -> PodBindings {
    PodBindings { resources, made_for: String::new(), notify: None, ready_seconds: 60 }
}

fn answer(revision: &str, resources: &[(&str, BoundResource)]) -> Event {
    let resources = resources.iter().map(|(name, bound)| ((*name).to_owned(), bound.clone())).collect();
    Event::Answered(Box::new(BindingsAnswer { revision: revision.to_owned(), resources }))
}

fn waiting(line: &str) -> BoundResource {
    BoundResource::Waiting { line: line.to_owned() }
}

fn ready(revision: u64) -> BoundResource {
    BoundResource::Ready { revision, values: BTreeMap::from([("a.b".to_owned(), "v".into())]) }
}

fn written(resource: &str, revision: Option<u64>, changed: bool) -> Event {
    Event::Written { resource: resource.to_owned(), revision, changed }
}

fn tell(line: &str) -> Action {
    Action::Tell { line: line.to_owned() }
}

fn poll(after: Option<&str>) -> Action {
    Action::Poll { after: after.map(str::to_owned) }
}

fn write(resource: &str, revision: u64) -> Action {
    let BoundResource::Ready { revision, values } = ready(revision) else { unreachable!() };
    Action::Write { resource: resource.to_owned(), revision, values }
}

#[test]
fn a_gated_pod_waits_tells_why_and_opens_when_its_files_are_there() {
    let mut talk = Conversation::new(&bindings(vec![resource("db", true, true)]), s(0));
    assert_eq!(talk.handle(Event::Tick, s(0)), [tell("db: waiting for the runner"), poll(None)]);
    assert_eq!(
        talk.handle(answer("1", &[("db", waiting("step provision, attempt 2, 14 s"))]), s(1)),
        [tell("db: step provision, attempt 2, 14 s"), poll(Some("1")),]
    );
    assert_eq!(
        talk.handle(answer("2", &[("db", ready(1))]), s(2)),
        [write("db", 1), tell("db: writing files")]
    );
    assert!(!talk.is_open());
    assert_eq!(talk.handle(written("db", Some(1), true), s(2)), [Action::Open, poll(Some("2"))]);
    assert_eq!(talk.wake(), None);
}

#[test]
fn a_pod_that_was_ready_at_admission_opens_without_the_runner() {
    let mut talk = Conversation::new(&bindings(vec![resource("db", false, true)]), s(0));
    let copy = Action::CopyMounted { resource: "db".to_owned() };
    assert_eq!(talk.handle(Event::Tick, s(0)), [copy.clone(), tell("db: copying files"), poll(None)]);
    let failed = Event::WriteFailed {
        resource: "db".to_owned(),
        revision: None,
        line: "not there".to_owned(),
        random: 0,
    };
    assert_eq!(talk.handle(failed, s(0)), [tell("db: not there")]);
    assert_eq!(talk.handle(Event::Tick, s(1)), [copy]);
    assert_eq!(talk.handle(written("db", None, true), s(1)), [Action::Open]);
}

#[test]
fn a_pod_with_env_vars_alone_is_open_at_once_or_on_the_runners_word() {
    let mut talk = Conversation::new(&bindings(vec![resource("db", false, false)]), s(0));
    assert_eq!(talk.handle(Event::Tick, s(0)), [Action::Open, poll(None)]);
    let mut talk = Conversation::new(&bindings(vec![resource("db", true, false)]), s(0));
    talk.handle(Event::Tick, s(0));
    assert_eq!(talk.handle(answer("1", &[("db", ready(1))]), s(1)), [Action::Open, poll(Some("1"))]);
}

#[test]
fn every_resource_must_be_served_before_the_gate_opens() {
    let mut talk =
        Conversation::new(&bindings(vec![resource("a", true, true), resource("b", false, true)]), s(0));
    talk.handle(Event::Tick, s(0));
    talk.handle(written("b", None, true), s(0));
    talk.handle(answer("1", &[("a", waiting("x"))]), s(0));
    assert!(!talk.is_open());
    talk.handle(Event::Tick, s(1));
    talk.handle(answer("2", &[("a", ready(1)), ("b", ready(1))]), s(2));
    assert!(!talk.handle(written("b", Some(1), false), s(2)).contains(&Action::Open));
    assert!(talk.handle(written("a", Some(1), true), s(2)).contains(&Action::Open));
}

#[test]
fn the_app_is_told_once_after_all_files_of_a_refresh_changed() {
    let mut talk =
        Conversation::new(&bindings(vec![resource("a", false, true), resource("b", false, true)]), s(0));
    talk.handle(Event::Tick, s(0));
    talk.handle(written("a", None, true), s(0));
    talk.handle(written("b", None, true), s(0));
    talk.handle(answer("1", &[("a", ready(1)), ("b", ready(1))]), s(9));
    assert!(talk.handle(written("a", Some(1), true), s(9)).is_empty());
    assert_eq!(talk.handle(written("b", Some(1), true), s(9)), [Action::Notify, poll(Some("1"))]);
    talk.handle(answer("2", &[("a", ready(2)), ("b", ready(1))]), s(20));
    assert_eq!(
        talk.handle(written("a", Some(2), false), s(20)),
        [poll(Some("2"))],
        "nothing changed, nobody is told"
    );
}

#[test]
fn a_restarted_sidecar_stays_open_and_takes_up_what_it_missed() {
    let both = vec![resource("db", true, true), resource("mounted", false, true)];
    let mut talk = Conversation::resume(&bindings(both), s(0));
    assert_eq!(talk.handle(Event::Tick, s(0)), [poll(None)]);
    assert_eq!(talk.handle(answer("7", &[("db", ready(2))]), s(1)), [write("db", 2)]);
    assert_eq!(talk.handle(written("db", Some(2), true), s(1)), [Action::Notify, poll(Some("7"))]);
}

#[test]
fn a_failed_write_asks_for_the_values_again() {
    let mut talk = Conversation::new(&bindings(vec![resource("db", true, true)]), s(0));
    talk.handle(Event::Tick, s(0));
    talk.handle(answer("1", &[("db", ready(1))]), s(1));
    let failed = Event::WriteFailed {
        resource: "db".to_owned(),
        revision: Some(1),
        line: "disk full".to_owned(),
        random: 0,
    };
    assert_eq!(talk.handle(failed, s(1)), [tell("db: disk full")]);
    assert_eq!(talk.handle(Event::Tick, s(2)), [poll(None)]);
}

#[test]
fn an_unreachable_runner_is_said_and_asked_again_later_and_later() {
    let mut talk = Conversation::new(&bindings(vec![resource("db", true, true)]), s(0));
    talk.handle(Event::Tick, s(0));
    let mut now = s(0);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let failed = Event::PollFailed { line: "the runner is not reached".to_owned(), random: 0 };
        talk.handle(failed, now);
        let wake = talk.wake().unwrap();
        pauses.push(wake.saturating_sub(now).as_millis());
        now = wake;
        assert!(talk.handle(Event::Tick, now).contains(&poll(None)));
    }
    assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000]);
    assert_eq!(talk.told, "db: waiting for the runner; the runner is not reached");
}

#[test]
fn a_gated_pod_gives_up_in_its_time_and_says_why() {
    let mut talk = Conversation::new(&bindings(vec![resource("db", true, true)]), s(0));
    talk.handle(Event::Tick, s(0));
    let failed = BoundResource::Failed { line: "step provision failed with 1: no space".to_owned() };
    talk.handle(answer("1", &[("db", failed)]), s(1));
    let gave_up = Action::Fail { line: "db: step provision failed with 1: no space".to_owned() };
    assert_eq!(talk.handle(Event::Tick, s(60)), [gave_up]);
    assert!(talk.handle(Event::End, s(61)).is_empty());
}

#[test]
fn the_goodbye_is_said_once_and_its_time_is_bounded() {
    for early in [true, false] {
        let mut talk = Conversation::new(&bindings(vec![resource("db", true, true)]), s(0));
        talk.handle(Event::Tick, s(0));
        assert_eq!(talk.handle(Event::End, s(5)), [Action::Release]);
        assert!(talk.handle(Event::End, s(5)).is_empty());
        assert_eq!(talk.wake(), Some(s(5) + GOODBYE));
        let (event, now) = if early { (Event::Released, s(6)) } else { (Event::Tick, s(7)) };
        assert_eq!(talk.handle(event, now), [Action::Exit]);
    }
}

#[test]
fn a_broken_runner_that_answers_at_once_is_not_hammered() {
    let mut talk = Conversation::new(&bindings(vec![resource("db", false, false)]), s(0));
    talk.handle(Event::Tick, s(0));
    talk.handle(answer("1", &[]), s(0));
    let mut polls = 0;
    let mut now = s(0);
    while now < s(10) {
        now = talk.wake().unwrap();
        if talk.handle(Event::Tick, now) == [poll(Some("1"))] {
            polls += 1;
            talk.handle(answer("1", &[]), now);
        }
    }
    assert!(polls <= 12, "{polls}");
}

/// What may happen to a sidecar; the driver below answers its actions.
#[derive(Clone, Debug)]
enum Happening {
    Answer(u8, Vec<(bool, u8)>),
    Fail,
    Nothing,
    End,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0u8..4, prop::collection::vec((any::<bool>(), 0u8..4), 2)).prop_map(|(r, b)| Happening::Answer(r, b)),
        2 => Just(Happening::Fail),
        4 => Just(Happening::Nothing),
        1 => Just(Happening::End),
    ]
}

proptest! {
    #[test]
    fn the_laws_hold_for_any_history(
        kinds in prop::collection::vec((any::<bool>(), any::<bool>()), 2),
        history in prop::collection::vec((happening(), 0u64..20_000, any::<bool>()), 1..60),
    ) {
        let names = ["a", "b"];
        let resources =
            names.iter().zip(&kinds).map(|(name, (gated, files))| resource(name, *gated, *files)).collect();
        let mut talk = Conversation::new(&bindings(resources), s(0));
        let (mut now, mut polls_out, mut opened, mut left, mut over) = (s(0), 0, 0, false, false);
        let mut told_ready: BTreeMap<String, u64> = BTreeMap::new();
        let mut on_disk: BTreeMap<String, u64> = BTreeMap::new();
        let mut queue = vec![Event::Tick];
        for (what, pause, write_fails) in history {
            now += Duration::from_millis(pause);
            match what {
                Happening::Answer(revision, states) if polls_out == 1 => {
                    polls_out = 0;
                    let states: Vec<(&str, BoundResource)> = names.iter().copied().zip(states.iter().map(|(is, rev)| {
                        if *is { ready(u64::from(*rev)) } else { waiting("x") }
                    })).collect();
                    for (name, bound) in &states {
                        if let BoundResource::Ready { revision, .. } = bound {
                            told_ready.insert((*name).to_owned(), *revision);
                        }
                    }
                    queue.push(answer(&revision.to_string(), &states));
                }
                Happening::Fail if polls_out == 1 => {
                    polls_out = 0;
                    queue.push(Event::PollFailed { line: "x".to_owned(), random: 7 });
                }
                Happening::End => queue.push(Event::End),
                _ => queue.push(Event::Tick),
            }
            while let Some(event) = queue.pop() {
                let ends = event == Event::End;
                let actions = talk.handle(event, now);
                prop_assert!(talk.wake().is_none_or(|wake| wake > now), "{:?} at {now:?}", talk.wake());
                prop_assert!(!over || actions.is_empty(), "after the exit: {actions:?}");
                if left || ends {
                    prop_assert!(actions.iter().all(|a| matches!(a, Action::Release | Action::Exit)), "{actions:?}");
                }
                for action in actions {
                    match action {
                        Action::Poll { .. } => {
                            polls_out += 1;
                            prop_assert_eq!(polls_out, 1, "two polls at once");
                        }
                        Action::Write { resource, revision, .. } => {
                            prop_assert!(on_disk.get(&resource).is_none_or(|old| *old < revision), "written twice, or back");
                            queue.push(if write_fails {
                                let line = "x".to_owned();
                                Event::WriteFailed { resource, revision: Some(revision), line, random: 9 }
                            } else {
                                on_disk.insert(resource.clone(), revision);
                                written(&resource, Some(revision), true)
                            });
                        }
                        Action::CopyMounted { resource } => queue.push(written(&resource, None, true)),
                        Action::Notify => prop_assert!(opened == 1),
                        Action::Open => {
                            opened += 1;
                            prop_assert_eq!(opened, 1);
                            for (name, (gated, files)) in names.iter().zip(&kinds) {
                                prop_assert!(!gated || told_ready.contains_key(*name), "opened without the runner's word");
                                prop_assert!(!(*gated && *files) || on_disk.contains_key(*name), "opened without files");
                            }
                        }
                        Action::Release => {
                            prop_assert!(!left);
                            left = true;
                        }
                        Action::Fail { .. } => {
                            prop_assert!(opened == 0);
                            over = true;
                        }
                        Action::Exit => over = true,
                        Action::Tell { .. } => prop_assert!(opened == 0),
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_answer_after_a_reconnect_changes_nothing(times in prop::collection::vec(1u64..100, 1..8)) {
        let mut talk = Conversation::new(&bindings(vec![resource("db", true, true)]), s(0));
        talk.handle(Event::Tick, s(0));
        talk.handle(answer("1", &[("db", ready(3))]), s(0));
        talk.handle(written("db", Some(3), true), s(0));
        let mut now = s(1);
        talk.handle(Event::Tick, now);
        for time in times {
            talk.handle(Event::PollFailed { line: "x".to_owned(), random: 0 }, now);
            now = talk.wake().unwrap();
            talk.handle(Event::Tick, now);
            now += s(time);
            let actions = talk.handle(answer("1", &[("db", ready(3))]), now);
            prop_assert!(actions.iter().all(|a| matches!(a, Action::Poll { .. })), "{actions:?}");
        }
    }
}
