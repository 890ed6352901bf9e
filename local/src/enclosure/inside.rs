//! The process inside an enclosure, seen from outside.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use sandbind_step_agent::{script::Stop, states::States};
use sandbind_wire::message::{ScriptEnd, StepResult};

use super::talk::{Order, Word, say};
use crate::job::{Job, Ran};

/// What is kept of what the enclosure's program says of its trouble.
const SAID: u64 = 16 << 10;
/// How long its program may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between looks whether it has.
const LOOK: Duration = Duration::from_millis(5);

/// Why there is no enclosure.
#[derive(Debug, thiserror::Error)]
pub enum EnclosureError {
    /// Its program is not there, or may not be started.
    #[error("`{program}` cannot be started")]
    NotStarted {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended before a script could be run.
    #[error("`{program}` ended at once: {reason}")]
    Ended {
        /// Which.
        program: String,
        /// What it said last.
        reason: String,
    },
}

/// An enclosure that works. It goes with this, and with this process however that ends.
#[derive(Debug)]
pub struct Inside {
    child: Child,
    orders: Orders,
    jobs: Jobs,
    said: Option<JoinHandle<String>>,
    /// Folder in there for those of scripts; none: the same as outside.
    folders: Option<PathBuf>,
}

/// Jobs that have not ended: who waits, and who keeps their states. None when nothing in there works any more.
type Jobs = Arc<Mutex<(u64, Option<BTreeMap<u64, Waiting>>)>>;

/// Where orders go; none once it is to end.
type Orders = Arc<Mutex<Option<ChildStdin>>>;

#[derive(Debug)]
struct Waiting {
    ended: Sender<Ran>,
    states: Option<Arc<dyn States>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inside {
    pub(super) fn begin(mut command: Command, folders: Option<PathBuf>) -> Result<Self, EnclosureError> {
        let program = command.get_program().to_string_lossy().into_owned();
        // A signal from the terminal is for the process outside, which lets things end in order.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let not_started = |source| EnclosureError::NotStarted { program: program.clone(), source };
        let mut child = command.spawn().map_err(not_started)?;
        let lost = || not_started(io::Error::other("its streams are not there"));
        let (Some(orders), Some(words), Some(said)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(lost());
        };
        let said = thread::spawn(move || {
            let (mut kept, mut said) = (Vec::new(), said);
            let _broken = said.by_ref().take(SAID).read_to_end(&mut kept);
            let _broken = io::copy(&mut said, &mut io::sink());
            String::from_utf8_lossy(&kept).into_owned()
        });
        let mut words = BufReader::new(words);
        let mut first = String::new();
        let _broken = words.read_line(&mut first);
        let mut inside = Self {
            child,
            orders: Arc::new(Mutex::new(Some(orders))),
            jobs: Arc::new(Mutex::new((0, Some(BTreeMap::new())))),
            said: Some(said),
            folders,
        };
        if !matches!(serde_json::from_str(&first), Ok(Word::Ready)) {
            return Err(EnclosureError::Ended { program, reason: inside.end() });
        }
        let (jobs, orders) = (inside.jobs.clone(), inside.orders.clone());
        thread::spawn(move || {
            listen(words, &jobs, &orders);
            // Whoever waits hears that there is nothing to wait for.
            locked(&jobs).1 = None;
        });
        Ok(inside)
    }

    /// Runs a job in there. Blocks until everything the script started is gone.
    pub(crate) fn run(&self, job: &Job, stop: &Stop, states: Option<Arc<dyn States>>) -> Ran {
        let mut job = job.clone();
        if let Some(folders) = &self.folders {
            job.folder = folders.join(job.folder.file_name().unwrap_or_default());
        }
        let nonce = job.nonce.clone();
        let (ended, end) = channel();
        let id = {
            let mut jobs = locked(&self.jobs);
            jobs.0 += 1;
            let id = jobs.0;
            match &mut jobs.1 {
                Some(waiting) => waiting.insert(id, Waiting { ended, states }),
                None => return lost(nonce),
            };
            id
        };
        order(&self.orders, &Order::Run(id, Box::new(job)));
        let orders = self.orders.clone();
        stop.then(move || order(&orders, &Order::Stop(id)));
        end.recv().unwrap_or_else(|_| lost(nonce))
    }

    /// Ends it, and everything in there. What its program has said of its trouble: its last error, or its last line, for engines go on
    /// to tell of their help.
    fn end(&mut self) -> String {
        // Without orders to wait for it ends, and an engine clears up behind it.
        drop(locked(&self.orders).take());
        let until = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(LOOK);
        }
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
        let told =
            lines().rfind(|line| line.to_lowercase().contains("error")).or_else(|| lines().next_back());
        told.unwrap_or("it says nothing").to_owned()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if self.said.is_some() {
            let _said = self.end();
        }
    }
}

/// Gives an order. Where nobody takes it any more, whoever waits hears of it from [`listen`].
fn order(orders: &Orders, order: &Order) {
    if let Some(orders) = &mut *locked(orders) {
        let _ended = say(orders, order);
    }
}

fn listen(words: BufReader<ChildStdout>, jobs: &Jobs, orders: &Orders) {
    for line in words.lines() {
        let Ok(word) = line.and_then(|line| Ok(serde_json::from_str(&line)?)) else { return };
        match word {
            Word::Ready => {}
            Word::Ran(id, ran) => {
                if let Some(job) = locked(jobs).1.as_mut().and_then(|jobs| jobs.remove(&id)) {
                    let _nobody = job.ended.send(*ran);
                }
            }
            Word::Ask(id, request) => {
                let states =
                    locked(jobs).1.as_ref().and_then(|jobs| jobs.get(&id)).and_then(|job| job.states.clone());
                let orders = orders.clone();
                thread::spawn(move || {
                    let answer = states
                        .ok_or_else(|| "nobody keeps states for it".to_owned())
                        .and_then(|states| states.ask(&request));
                    order(&orders, &Order::Answer(id, answer));
                });
            }
        }
    }
}

/// A script that was killed with its enclosure, or had none left to run in.
fn lost(nonce: String) -> Ran {
    let line = "the place where scripts run has ended";
    let result = StepResult {
        nonce,
        end: ScriptEnd::Signaled { signal: 9 },
        outputs: BTreeMap::new(),
        unreadable: BTreeMap::new(),
        log: format!("{line}\n"),
        last_line: line.to_owned(),
        milliseconds: 0,
    };
    Ran { result, killed: false }
}
