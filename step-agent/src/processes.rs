//! Which processes belong to a script, and their end. A process is known by its place in `/proc`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions};

/// Pause between two looks at `/proc` while killed processes vanish.
const LOOK: Duration = Duration::from_millis(5);
/// A process that SIGKILL does not end within this is stuck in the kernel; waiting longer helps nobody.
const STUCK: Duration = Duration::from_secs(10);

/// Env var that marks every process of one script's run, whatever group or session it moved to.
pub(crate) const MARK: &str = "SANDBIND_RUN";

/// How far this process answers for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// This process runs the one script and nothing else (the agent, pid 1 of its container): every other process in the
    /// container belongs to the script, and every child is reaped here.
    Container,
    /// This process does other things too (several scripts, other children): only processes that are known to be of this
    /// script are ended, those of its process group or session, those below one of them, and those that carry its
    /// mark in their environment.
    #[default]
    Script,
}

/// One line of the process table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    parent: i32,
    group: i32,
    session: i32,
    zombie: bool,
}

/// Sends a signal to the script's process group. Gone already: fine.
pub(crate) fn signal_group(leader: Pid, signal: Signal) {
    let _gone = rustix::process::kill_process_group(leader, signal);
}

/// Ends every other process below this one with SIGKILL; as pid 1, every other process of the container.
pub(crate) fn kill_all() {
    if rustix::process::getpid() == Pid::INIT {
        // Group "1" is kill(-1): every process of this pid namespace but pid 1 itself, at one stroke, so that no fork escapes.
        let _none = rustix::process::kill_process_group(Pid::INIT, Signal::KILL);
        return;
    }
    for pid in descendants(&table(), rustix::process::getpid().as_raw_pid()) {
        kill(pid);
    }
}

/// Ends every process of the script and reaps those that are children of this process. `leader` itself is left to its waiter.
pub(crate) fn end_family(leader: Pid, mark: &str) {
    let own = rustix::process::getpid().as_raw_pid();
    let leader = leader.as_raw_pid();
    let end = Instant::now() + STUCK;
    let mut known = BTreeSet::new();
    loop {
        let table = table();
        known.extend(family(&table, leader, mark));
        known.retain(|pid| table.contains_key(pid) && *pid != leader && *pid != own);
        let mut left = false;
        for pid in &known {
            let Some(entry) = table.get(pid) else { continue };
            if !entry.zombie {
                kill(*pid);
                left = true;
            } else if entry.parent == own
                && let Some(pid) = Pid::from_raw(*pid)
            {
                let _other = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
        if !left || Instant::now() > end {
            return;
        }
        std::thread::sleep(LOOK);
    }
}

/// Ends what is left of a run whose own agent is gone: every process that carries its mark (the run's nonce), and what is below
/// them. Returns when they are gone.
pub fn end_marked(mark: &str) {
    let end = Instant::now() + STUCK;
    loop {
        let table = table();
        let mut marked: BTreeSet<i32> = table.keys().copied().filter(|pid| carries(*pid, mark)).collect();
        for pid in marked.clone() {
            marked.extend(descendants(&table, pid));
        }
        marked.retain(|pid| table.get(pid).is_some_and(|entry| !entry.zombie));
        if marked.is_empty() || Instant::now() > end {
            return;
        }
        marked.into_iter().for_each(kill);
        std::thread::sleep(LOOK);
    }
}

/// Kills a run that this very process supervises, after a time: for trials of what a script leaves that is cut short.
#[derive(Debug)]
pub struct Killer {
    over: Sender<()>,
    killing: JoinHandle<bool>,
}

impl Killer {
    /// From now on. `mark`: the run's nonce.
    pub fn start(mark: &str, after: Duration) -> Self {
        let (over, ended) = channel();
        let mark = mark.to_owned();
        let killing = std::thread::spawn(move || {
            let mut pause = after;
            let mut killed = false;
            // Again and again until the run is over: its script may be just about to start.
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                killed = true;
                end_marked(&mark);
                pause = LOOK;
            }
            killed
        });
        Self { over, killing }
    }

    /// The run is over. Whether it was killed; what ended by itself just before may count as killed too.
    pub fn end(self) -> bool {
        drop(self.over);
        self.killing.join().unwrap_or(false)
    }
}

fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone = rustix::process::kill_process(pid, Signal::KILL);
    }
}

fn family(table: &BTreeMap<i32, Entry>, leader: i32, mark: &str) -> BTreeSet<i32> {
    let mut found: BTreeSet<i32> = table
        .iter()
        .filter(|(pid, entry)| {
            entry.group == leader || entry.session == leader || **pid == leader || carries(**pid, mark)
        })
        .map(|(pid, _)| *pid)
        .collect();
    for pid in found.clone() {
        found.extend(descendants(table, pid));
    }
    found
}

fn carries(pid: i32, mark: &str) -> bool {
    let wanted = format!("{MARK}={mark}");
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|env| env.split(|b| *b == 0).any(|variable| variable == wanted.as_bytes()))
}

fn descendants(table: &BTreeMap<i32, Entry>, root: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::from([root]);
    loop {
        let more: Vec<i32> = table
            .iter()
            .filter(|(pid, entry)| found.contains(&entry.parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            found.remove(&root);
            return found;
        }
        found.extend(more);
    }
}

fn table() -> BTreeMap<i32, Entry> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    entries.filter_map(|entry| entry_of(&entry.ok()?.file_name())).collect()
}

fn entry_of(name: &OsStr) -> Option<(i32, Entry)> {
    let pid: i32 = std::str::from_utf8(name.as_bytes()).ok()?.parse().ok()?;
    Some((pid, parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))
}

/// `PID (NAME) STATE PPID PGRP SESSION …`, where NAME may hold anything, parentheses too.
fn parse_stat(stat: &str) -> Option<Entry> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let zombie = matches!(fields.next()?, "Z" | "X");
    let mut number = || fields.next()?.parse().ok();
    Some(Entry { parent: number()?, group: number()?, session: number()?, zombie })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_holds() {
        let entry = parse_stat("7 (a) Z (b) S 1 7 3 0 -1 4194560").unwrap();
        assert_eq!(entry, Entry { parent: 1, group: 7, session: 3, zombie: false });
        assert!(parse_stat("7 (x) Z 1 7 3 0").unwrap().zombie);
        assert!(parse_stat("nonsense").is_none());
    }

    #[test]
    fn descendants_are_followed_over_generations_and_cycles_end() {
        let entry = |parent| Entry { parent, group: 0, session: 0, zombie: false };
        let table =
            BTreeMap::from([(2, entry(1)), (3, entry(2)), (4, entry(3)), (5, entry(1)), (6, entry(6))]);
        assert_eq!(descendants(&table, 2), BTreeSet::from([3, 4]));
    }
}
