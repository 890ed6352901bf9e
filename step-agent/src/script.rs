//! Runs one script to its end: writes it and its inputs, keeps its deadline, ends every process it left behind, reads its
//! outputs, and redacts its log.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt, fs, io,
    os::unix::{fs::DirBuilderExt as _, fs::OpenOptionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus};
use sandbind_wire::{
    message::{Assignment, ScriptEnd, StepResult},
    name, signal,
};

pub use crate::processes::Reach;
use crate::{
    outputs,
    processes::{self, MARK},
    redact::{Redactor, last_line},
    states::{Service, States},
    tail::Tail,
};

/// The script's working folder, within the folder of the run.
const CWD: &str = "cwd";
/// How long the log is waited for when every process is gone. Only a process that escaped can still hold the pipe.
const LOG_PATIENCE: Duration = Duration::from_secs(1);
/// How long killed processes are waited for. Longer only for ones stuck in the kernel.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// What differs between a step pod and a run without a cluster.
#[derive(Debug, Default)]
pub struct RunOptions {
    /// The nonce that goes into the result; also marks the script's processes. Must differ between runs.
    pub nonce: String,
    /// Whether the script gets the environment of this process (without sandbind's own variables), or only `PATH`, besides what
    /// the assignment declares.
    pub inherit_env: bool,
    /// Values to redact besides those that the assignment names.
    pub redact: Vec<Vec<u8>>,
    /// Whether files left at the output paths are removed before the script starts. A fresh container has none to remove.
    pub remove_old_outputs: bool,
    /// How far to go in ending processes.
    pub reach: Reach,
    /// Ends the script early.
    pub stop: Stop,
    /// Where states are kept, for assignments that want a place for Terraform's.
    pub states: Option<Arc<dyn States>>,
}

/// Asks a running script to end, as at its deadline: its signal, its grace, SIGKILL. May be set before or during the run.
#[derive(Clone, Default)]
pub struct Stop(Arc<Mutex<(bool, Vec<Listener>)>>);

/// What is done when it is set.
type Listener = Box<dyn FnOnce() + Send>;

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_stopped()).finish()
    }
}

impl Stop {
    /// Ends the scripts that run with this switch, now or later.
    pub fn stop(&self) {
        let listeners = {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            inner.0 = true;
            std::mem::take(&mut inner.1)
        };
        for listener in listeners {
            listener();
        }
    }

    /// Whether [`Self::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Does it as soon as it is set: now, where it is.
    pub fn then(&self, listener: impl FnOnce() + Send + 'static) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.0 {
            drop(inner);
            listener();
        } else {
            inner.1.push(Box::new(listener));
        }
    }
}

/// What the thread that keeps the deadline hears of.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The script's own process ended.
    Ended(Ended),
    /// No process of the script is left.
    Gone,
    /// The run is to end early.
    Stop,
}

#[derive(Clone, Copy, Debug)]
enum Ended {
    Exited(i32),
    Signaled(i32),
}

/// Runs an assignment in `workdir`, a private folder of its own, which is made when it is absent and stays (the script and its
/// working folder are in it). Blocks until the script and everything it started are gone. Never fails: what goes wrong is in the
/// result.
pub fn run(assignment: &Assignment, workdir: &Path, options: &RunOptions) -> StepResult {
    let started = Instant::now();
    let tail = Tail::default();
    let states = options.states.clone().filter(|_| assignment.terraform_state);
    let states = states.map(|states| Service::start(states, &options.nonce, tail.clone())).transpose();
    let (end, states) = match states {
        Ok(states) => {
            let end = prepare(assignment, workdir, options)
                .and_then(|mut command| {
                    command.envs(states.iter().flat_map(Service::env));
                    supervise(command, assignment, options, &tail)
                })
                .unwrap_or_else(|reason| ScriptEnd::NotStarted { reason });
            (end, states)
        }
        Err(error) => (ScriptEnd::NotStarted { reason: format!("no service for states: {error}") }, None),
    };
    if let Some(states) = &states {
        states.save_errored(&workdir.join(CWD));
    }
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outputs = match end {
        ScriptEnd::NotStarted { .. } => outputs::Outputs::default(),
        _ => outputs::read(&assignment.outputs, &workdir.join(CWD)),
    };

    let mut redactor = Redactor::default();
    let of_outputs = outputs.values.values().chain(&outputs.oversized).chain(&assignment.redact);
    for value in of_outputs.map(|bytes| &bytes.0).chain(&options.redact) {
        redactor.add(value);
    }
    if let Some(states) = &states {
        redactor.add(states.secret());
    }
    let kept = tail.kept();
    let log = redactor.log(&kept.bytes, kept.cut);
    StepResult {
        nonce: options.nonce.clone(),
        end,
        outputs: outputs.values,
        unreadable: outputs.unreadable,
        last_line: last_line(&log),
        log,
        milliseconds,
    }
}

/// Everything before the script's first instruction. The error is the reason why it was not started.
fn prepare(assignment: &Assignment, workdir: &Path, options: &RunOptions) -> Result<Command, String> {
    let (script, cwd) = write_script(&assignment.script, workdir)
        .map_err(|e| format!("the script could not be written to `{}`: {e}", workdir.display()))?;
    for file in &assignment.files {
        outputs::write_input(file, &cwd)
            .map_err(|e| format!("the input file `{}` could not be written: {e}", file.path))?;
    }
    if options.remove_old_outputs {
        outputs::remove_old(&assignment.outputs, &cwd)
            .map_err(|e| format!("an output of an earlier attempt could not be removed: {e}"))?;
    }
    let shebang = Shebang::of(&assignment.script);
    let mut command = Command::new(&shebang.interpreter);
    command.args(&shebang.argument).arg(&script).current_dir(cwd).stdin(Stdio::null());
    command.env_clear().envs(environment(assignment, options, std::env::vars_os()));
    command.process_group(0);
    Ok(command)
}

fn write_script(script: &str, workdir: &Path) -> io::Result<(PathBuf, PathBuf)> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(workdir)?;
    let cwd = workdir.join(CWD);
    if cwd.exists() {
        fs::remove_dir_all(&cwd)?;
    }
    fs::create_dir(&cwd)?;
    let path = workdir.join("script");
    let _absent = fs::remove_file(&path);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(&path)?;
    io::Write::write_all(&mut file, script.as_bytes())?;
    Ok((path, cwd))
}

fn environment(
    assignment: &Assignment,
    options: &RunOptions,
    own: impl Iterator<Item = (OsString, OsString)>,
) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<OsString, OsString> =
        own.filter(|(name, _)| if options.inherit_env { !is_ours(name) } else { name == "PATH" }).collect();
    env.extend(assignment.env.iter().map(|(name, value)| (name.into(), value.into())));
    env.insert(MARK.into(), (&options.nonce).into());
    env
}

/// Variables that are the agent's business alone.
fn is_ours(variable: &OsStr) -> bool {
    [
        name::ENV_RUNNER_URL,
        name::ENV_RUNNER_NAME,
        name::ENV_RUNNER_CA,
        name::ENV_RUNNER_DIR,
        name::ENV_TOKEN_PATH,
        name::ENV_REDACT_ENV,
        name::ENV_REDACT_FILES,
    ]
    .iter()
    .any(|ours| variable == *ours)
}

/// What runs a script, as the kernel reads its first line. The agent reads it itself, so that the script may lie where nothing may
/// be executed, and so that a missing interpreter is named.
#[derive(Debug, PartialEq, Eq)]
struct Shebang {
    interpreter: String,
    /// At most one: the kernel does not split it either.
    argument: Option<String>,
}

impl Shebang {
    fn of(script: &str) -> Self {
        let line = script.strip_prefix("#!").map(|rest| rest.lines().next().unwrap_or_default().trim());
        let Some(line) = line.filter(|line| !line.is_empty()) else {
            return Self { interpreter: "/bin/sh".to_owned(), argument: None };
        };
        match line.split_once([' ', '\t']) {
            Some((interpreter, argument)) => {
                Self { interpreter: interpreter.to_owned(), argument: Some(argument.trim().to_owned()) }
            }
            None => Self { interpreter: line.to_owned(), argument: None },
        }
    }
}

/// Starts the command, keeps its deadline, and returns when none of its processes is left.
fn supervise(
    mut command: Command,
    assignment: &Assignment,
    options: &RunOptions,
    tail: &Tail,
) -> Result<ScriptEnd, String> {
    if options.stop.is_stopped() {
        return Err("told to end before the script began".to_owned());
    }
    if assignment.timeout_seconds == 0 {
        return Err("no time is left".to_owned());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = io::pipe().map_err(|e| format!("no pipe for the log: {e}"))?;
    let twin = writer.try_clone().map_err(|e| format!("no pipe for the log: {e}"))?;
    command.stdout(writer).stderr(twin);
    let child = command.spawn().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => format!("no such interpreter in the image: `{program}`"),
        _ => format!("`{program}` could not be started: {e}"),
    })?;
    // Closes this process's ends of the pipe.
    drop(command);
    let Some(leader) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return Err("the script's process has no id".to_owned());
    };

    let (events, heard) = channel();
    let (log_ended, log_end) = channel::<()>();
    let drained = tail.clone();
    thread::spawn(move || {
        drained.drain(reader);
        drop(log_ended);
    });
    let reach = options.reach;
    let ended = events.clone();
    thread::spawn(move || match reach {
        Reach::Container => reap_all(leader, &ended),
        Reach::Script => await_one(leader, &ended),
    });
    options.stop.then(move || {
        let _ended = events.send(Event::Stop);
    });

    let end = keep_deadline(leader, assignment, &heard, options);
    if reach == Reach::Container {
        await_all_gone(&heard);
    }
    let _patience = log_end.recv_timeout(LOG_PATIENCE);
    Ok(end)
}

/// Returns when the script's own process has ended, by itself or by force, and its other processes got SIGKILL.
fn keep_deadline(
    leader: Pid,
    assignment: &Assignment,
    heard: &Receiver<Event>,
    options: &RunOptions,
) -> ScriptEnd {
    let wait = |until: Option<Instant>| match until {
        Some(until) => heard.recv_timeout(until.saturating_duration_since(Instant::now())),
        None => heard.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    let after = |seconds| Instant::now().checked_add(Duration::from_secs(seconds));
    let mut until = after(assignment.timeout_seconds);
    let mut forced = false;
    let mut overdue = false;
    let ended = loop {
        match wait(until) {
            Ok(Event::Ended(ended)) => break Some(ended),
            Ok(Event::Gone) | Err(RecvTimeoutError::Disconnected) => break None,
            Ok(Event::Stop) if forced => {}
            Err(RecvTimeoutError::Timeout) if forced => {
                let _gone = rustix::process::kill_process(leader, Signal::KILL);
                processes::signal_group(leader, Signal::KILL);
                until = None;
            }
            event => {
                overdue = event.is_err();
                forced = true;
                processes::signal_group(leader, polite(&assignment.signal));
                until = after(assignment.grace_seconds);
            }
        }
    };
    // Nothing of the script may act any more, however it ended.
    match options.reach {
        Reach::Container => processes::kill_all(),
        Reach::Script => {
            processes::end_family(leader, &options.nonce);
            let _reaped = rustix::process::waitpid(Some(leader), WaitOptions::NOHANG);
        }
    }
    match ended {
        _ if overdue => ScriptEnd::Deadline,
        Some(Ended::Exited(code)) => ScriptEnd::Exited { code },
        Some(Ended::Signaled(signal)) => ScriptEnd::Signaled { signal },
        None => ScriptEnd::Signaled { signal: Signal::KILL.as_raw() },
    }
}

fn polite(name: &str) -> Signal {
    signal::number(name).and_then(Signal::from_named_raw).unwrap_or(Signal::TERM)
}

/// The duty of a pid 1: reaps whatever ends, until no child is left.
fn reap_all(leader: Pid, events: &Sender<Event>) {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == leader => {
                let _nobody = events.send(Event::Ended(ended(status)));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
    }
    let _nobody = events.send(Event::Gone);
}

fn ended(status: WaitStatus) -> Ended {
    status
        .exit_status()
        .map_or_else(|| Ended::Signaled(status.terminating_signal().unwrap_or(0)), Ended::Exited)
}

/// Waits for the script's own process and leaves it as a zombie, so that its id stays its own until its family is ended.
fn await_one(leader: Pid, events: &Sender<Event>) {
    let status = loop {
        match rustix::process::waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(Some(status)) => break Some(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break None,
        }
    };
    let _nobody = events.send(match status {
        Some(status) => Event::Ended(
            status
                .exit_status()
                .map_or_else(|| Ended::Signaled(status.terminating_signal().unwrap_or(0)), Ended::Exited),
        ),
        None => Event::Gone,
    });
}

/// Kills again until every child is reaped: a process may have been born during the first stroke.
fn await_all_gone(heard: &Receiver<Event>) {
    let end = Instant::now() + KILL_PATIENCE;
    while Instant::now() < end {
        match heard.recv_timeout(Duration::from_millis(50)) {
            Ok(Event::Gone) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => processes::kill_all(),
        }
    }
}

#[cfg(test)]
mod tests;
