//! The running sidecar: performs what the conversation says, with one thread for itself and one for the open poll.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use sandbind_link::{Client, LinkError, Settings, bell::Bell, bell::Ringer, client::LONG_POLL};
use sandbind_wire::{
    Bytes64,
    conversation::{Action, Conversation, Event, GOODBYE},
    message::{BindingsAnswer, Folder, PodBindings, PodResource, ReleaseRequest},
};

use crate::{files, gate::Gate, mounted, notify};

/// Stack of the threads beside the first. Only what is touched costs memory.
const STACK: usize = 256 << 10;

/// What `run` needs from its environment.
#[derive(Debug)]
pub struct Plan {
    /// What to bind.
    pub bindings: PodBindings,
    /// The way to the runner, or why there is none: a pod that was Ready at admission opens all the same.
    pub runner: Result<Settings, LinkError>,
    /// Where the probes look.
    pub gate: Gate,
}

impl Plan {
    /// The plan that the variables of the container tell; the error is that the bindings are not understood.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String> + Copy) -> serde_json::Result<Self> {
        Ok(Self {
            bindings: serde_json::from_str(&lookup(sandbind_wire::name::ENV_BINDINGS).unwrap_or_default())?,
            runner: Settings::from_env(lookup),
            gate: Gate::new(state_dir(lookup)),
        })
    }
}

/// Runs until SIGTERM (exit code 0) or until the gate could not be opened in time (1).
pub fn run(plan: Plan) -> io::Result<ExitCode> {
    let bell = Bell::new()?;
    bell.ring_on_end()?;
    let runner = plan.runner.map(|settings| Arc::new(Client::new(settings)));
    let (polls, to_poll) = channel();
    let (told, events) = channel();
    let poller = Poller {
        runner: runner.as_ref().map(Arc::clone).map_err(ToString::to_string),
        told,
        bell: bell.ringer()?,
    };
    thread::Builder::new().stack_size(STACK).spawn(move || poller.run(&to_poll))?;

    let started = Instant::now();
    let mut conversation = if plan.gate.is_open() {
        Conversation::resume(&plan.bindings, Duration::ZERO)
    } else {
        Conversation::new(&plan.bindings, Duration::ZERO)
    };
    let mut driver =
        Driver { bindings: plan.bindings, gate: plan.gate, runner: runner.ok(), polls, notified: None };
    let mut ended = false;
    let mut event = Event::Tick;
    loop {
        // Each action may bring events of its own; they come before anything from outside.
        let mut pending = vec![event];
        while let Some(next) = pending.pop() {
            for action in conversation.handle(next, started.elapsed()) {
                match driver.perform(action)? {
                    Done::Event(event) => pending.push(event),
                    Done::Nothing => {}
                    Done::Exit(code) => return Ok(code),
                }
            }
        }
        event = loop {
            if bell.is_ended() && !ended {
                ended = true;
                break Event::End;
            }
            if let Ok(answer) = events.try_recv() {
                break answer;
            }
            let pause = conversation.wake().map(|wake| wake.saturating_sub(started.elapsed()));
            if pause == Some(Duration::ZERO) {
                break Event::Tick;
            }
            bell.wait(pause)?;
        };
    }
}

/// What came of an action.
enum Done {
    Nothing,
    Event(Event),
    Exit(ExitCode),
}

struct Driver {
    bindings: PodBindings,
    gate: Gate,
    runner: Option<Arc<Client>>,
    polls: Sender<Option<String>>,
    notified: Option<thread::JoinHandle<()>>,
}

impl Driver {
    fn perform(&mut self, action: Action) -> io::Result<Done> {
        match action {
            Action::CopyMounted { resource } => Ok(Done::Event(self.copy(resource))),
            Action::Write { resource, revision, values } => {
                Ok(Done::Event(self.write(resource, Some(revision), &values)))
            }
            Action::Poll { after } => {
                let _ending = self.polls.send(after);
                Ok(Done::Nothing)
            }
            Action::Notify => {
                self.notify();
                Ok(Done::Nothing)
            }
            Action::Open => {
                self.gate.open()?;
                say("open");
                Ok(Done::Nothing)
            }
            Action::Tell { line } => {
                self.gate.tell(&line)?;
                say(&line);
                Ok(Done::Nothing)
            }
            Action::Fail { line } => {
                say(&format!("gave up waiting: {line}"));
                Ok(Done::Exit(ExitCode::FAILURE))
            }
            Action::Release => {
                let goodbye = |runner: &Arc<Client>| {
                    runner.post::<serde_json::Value>("/v1/pod/release", &ReleaseRequest {}, GOODBYE)
                };
                if let Some(Err(e)) = self.runner.as_ref().map(goodbye) {
                    say(&format!("goodbye: {e}"));
                }
                Ok(Done::Event(Event::Released))
            }
            Action::Exit => Ok(Done::Exit(ExitCode::SUCCESS)),
        }
    }

    fn resource(&self, name: &str) -> Option<&PodResource> {
        self.bindings.resources.iter().find(|resource| resource.name == name)
    }

    fn copy(&self, resource: String) -> Event {
        let dir = self.resource(&resource).and_then(|r| r.mounted.as_deref()).map(Path::new);
        match dir.map(mounted::read) {
            Some(Ok(values)) => self.write(resource, None, &values),
            Some(Err(e)) => write_failed(resource, None, format!("the mounted Secret cannot be read: {e}")),
            None => write_failed(resource, None, "no Secret is mounted".to_owned()),
        }
    }

    fn write(&self, resource: String, revision: Option<u64>, values: &BTreeMap<String, Bytes64>) -> Event {
        let folders: &[Folder] = self.resource(&resource).map_or(&[], |r| &r.folders);
        let mut changed = false;
        for folder in folders {
            match files::write(folder, values) {
                Ok(differs) => changed |= differs,
                Err(e) => return write_failed(resource, revision, e.to_string()),
            }
        }
        Event::Written { resource, revision, changed }
    }

    /// In a thread of its own, for the goodbye must not wait for a slow app.
    fn notify(&mut self) {
        let Some(how) = self.bindings.notify.clone() else { return };
        let before = self.notified.take().filter(|thread| !thread.is_finished());
        let tell = move || {
            if let Some(before) = before {
                let _ended = before.join();
            }
            match notify::tell(&how) {
                Ok(()) => say("files changed, the app was told"),
                Err(reason) => say(&format!("files changed, the app could not be told: {reason}")),
            }
        };
        match thread::Builder::new().stack_size(STACK).spawn(tell) {
            Ok(thread) => self.notified = Some(thread),
            Err(e) => say(&format!("files changed, the app could not be told: {e}")),
        }
    }
}

fn write_failed(resource: String, revision: Option<u64>, line: String) -> Event {
    Event::WriteFailed { resource, revision, line, random: random() }
}

/// Keeps the poll open: it is the heartbeat.
struct Poller {
    runner: Result<Arc<Client>, String>,
    told: Sender<Event>,
    bell: Ringer,
}

impl Poller {
    fn run(self, to_poll: &Receiver<Option<String>>) {
        while let Ok(after) = to_poll.recv() {
            let event = match self.ask(after.as_deref()) {
                Ok(answer) => Event::Answered(Box::new(answer)),
                Err(line) => Event::PollFailed { line, random: random() },
            };
            if self.told.send(event).is_err() {
                return;
            }
            self.bell.ring();
        }
    }

    fn ask(&self, after: Option<&str>) -> Result<BindingsAnswer, String> {
        let runner = self.runner.as_ref().map_err(Clone::clone)?;
        let path = after
            .map_or_else(|| "/v1/bindings".to_owned(), |rev| format!("/v1/bindings?after={}", escape(rev)));
        runner.get(&path, LONG_POLL).map_err(|e| match std::error::Error::source(&e) {
            Some(source) => format!("{e}: {source}"),
            None => e.to_string(),
        })
    }
}

/// Percent-encodes all but what every URL may hold.
fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _infallible = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

/// For jitter alone.
fn random() -> u32 {
    let hasher = std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new());
    u32::try_from(std::hash::Hasher::finish(&hasher) >> 32).unwrap_or(0)
}

/// A line on the container's stdout: never a value.
fn say(line: &str) {
    let _closed = writeln!(io::stdout(), "sandbind: {line}");
}

/// The folder of the probes' state, as the environment says.
pub fn state_dir(lookup: impl Fn(&str) -> Option<String>) -> PathBuf {
    lookup(sandbind_wire::name::ENV_STATE_DIR)
        .unwrap_or_else(|| sandbind_wire::name::STATE_DIR.to_owned())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_opaque_in_queries() {
        assert_eq!(escape("a-1_~.Z"), "a-1_~.Z");
        assert_eq!(escape("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
