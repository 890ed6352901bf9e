//! Whole lives, by chance: random orders of admissions, ticks, passes, crashes, step pods that fail, lose or vanish. What must
//! always hold is checked after each event, and in the end everything is gone.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "life/world.rs"]
mod world;

use std::time::Duration;

use proptest::prelude::*;
use sandbind_core::lifecycle::effect::Change;
use world::{Fate, World, plugin};

#[derive(Clone, Debug)]
enum Event {
    Admit,
    Store(usize),
    DropAdmission(usize),
    Ask(usize),
    EndPod(usize),
    Think(usize),
    Act(usize),
    Pass(usize),
    Crash(usize),
    Tick(u64),
    AgentStarts(usize),
    AgentClaims(usize),
    ScriptActs(usize),
    ScriptEnds(usize, Fate),
    AgentPosts(usize, bool),
    AgentDies(usize),
    AgentIsLost(usize),
    Retry,
    DeleteSandbox,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Ok),
        2 => Just(Fate::Exit(1)),
        1 => Just(Fate::Exit(75)),
        1 => Just(Fate::Exit(78)),
        1 => Just(Fate::Forgets),
        1 => Just(Fate::Deadline),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let pod = 0..6usize;
    let agent = 0..5usize;
    let runner = 0..2usize;
    prop_oneof![
        4 => Just(Event::Admit),
        5 => pod.clone().prop_map(Event::Store),
        1 => pod.clone().prop_map(Event::DropAdmission),
        4 => pod.clone().prop_map(Event::Ask),
        3 => pod.prop_map(Event::EndPod),
        4 => runner.clone().prop_map(Event::Think),
        6 => runner.clone().prop_map(Event::Act),
        14 => runner.clone().prop_map(Event::Pass),
        1 => runner.prop_map(Event::Crash),
        6 => prop_oneof![Just(1), Just(10), Just(35), Just(130), Just(400)].prop_map(Event::Tick),
        8 => agent.clone().prop_map(Event::AgentStarts),
        8 => agent.clone().prop_map(Event::AgentClaims),
        3 => agent.clone().prop_map(Event::ScriptActs),
        8 => (agent.clone(), fate()).prop_map(|(agent, fate)| Event::ScriptEnds(agent, fate)),
        8 => (agent.clone(), any::<bool>()).prop_map(|(agent, lost)| Event::AgentPosts(agent, lost)),
        1 => agent.clone().prop_map(Event::AgentDies),
        1 => agent.prop_map(Event::AgentIsLost),
        1 => Just(Event::Retry),
        1 => Just(Event::DeleteSandbox),
    ]
}

fn play(world: &mut World, event: &Event, count: usize) {
    match *event {
        Event::Admit if world.pods.len() < 6 => world.admit(),
        Event::Admit => {}
        Event::Store(pod) => world.store(pod),
        Event::DropAdmission(pod) => world.drop_admission(pod),
        Event::Ask(pod) => world.ask(pod),
        Event::EndPod(pod) => world.end_pod(pod),
        Event::Think(runner) => {
            world.think(runner);
        }
        Event::Act(runner) => world.act(runner),
        Event::Pass(runner) => {
            world.pass(runner);
        }
        Event::Crash(runner) => world.crash(runner),
        Event::Tick(seconds) => world.tick(Duration::from_secs(seconds)),
        Event::AgentStarts(agent) => world.agent_starts(agent),
        Event::AgentClaims(agent) => world.agent_claims(agent),
        Event::ScriptActs(agent) => world.script_acts(agent),
        Event::ScriptEnds(agent, fate) => world.script_ends(agent, fate),
        Event::AgentPosts(agent, lost) => world.agent_posts(agent, lost),
        Event::AgentDies(agent) => world.agent_dies(agent),
        Event::AgentIsLost(agent) => world.agent_is_lost(agent),
        Event::Retry => world.retry = Some(count.to_string()),
        Event::DeleteSandbox => world.sandbox_deleted = true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_promises_hold_and_everything_goes_in_the_end(
        retries in 0..3u32,
        refresh: bool,
        graph: bool,
        events in prop::collection::vec(event(), 1..160),
    ) {
        let mut world = World::new(plugin(retries, refresh, graph));
        for (count, event) in events.iter().enumerate() {
            play(&mut world, event, count);
            world.check();
        }
        world.drain();
    }
}

#[test]
fn a_life_without_faults_passes_its_write_points_in_order() {
    let mut world = World::new(plugin(0, true, true));
    world.admit();
    let work = |world: &mut World| {
        for _ in 0..8 {
            world.pass(0);
            for agent in 0..8 {
                world.agent_starts(agent);
                world.agent_claims(agent);
                world.script_ends(agent, Fate::Ok);
                world.agent_posts(agent, false);
                world.check();
            }
        }
        world.settle_down();
    };
    work(&mut world);
    world.store(0);
    world.ask(0);
    world.check();
    world.tick(Duration::from_secs(301));
    work(&mut world);
    world.end_pod(0);
    world.settle_down();
    world.tick(Duration::from_secs(31));
    work(&mut world);
    assert!(world.clean(), "{:?} {:?} {:?}", world.changes, world.record, world.outside);
    let changes: Vec<Change> = world
        .changes
        .iter()
        .copied()
        .filter(|change| !matches!(change, Change::Noted | Change::Pruned))
        .collect();
    let expected =
        [Change::Pinned, Change::Ready, Change::RefreshStarted, Change::Refreshed, Change::Deleting];
    assert_eq!(changes, expected);
}
