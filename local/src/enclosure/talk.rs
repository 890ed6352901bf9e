//! What is said between this process and the one inside an enclosure: one JSON text a line. And the one inside.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, channel},
    },
    thread,
};

use sandbind_step_agent::{script::Stop, states::States};
use sandbind_wire::state::{StateAnswer, StateRequest};
use serde::{Deserialize, Serialize};

use crate::job::{Job, Ran};

/// To the one inside. Each job has a number of its own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Order {
    /// Run this.
    Run(u64, Box<Job>),
    /// The end of the job's time has come early.
    Stop(u64),
    /// The answer to what the job's script has asked last of its states.
    Answer(u64, Result<StateAnswer, String>),
}

/// From the one inside.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Word {
    /// Jobs can come.
    Ready,
    /// A job is done.
    Ran(u64, Box<Ran>),
    /// The job's script asks for its states.
    Ask(u64, StateRequest),
}

/// Writes one line.
pub(super) fn say(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// A job at work.
#[derive(Clone, Debug)]
struct Working {
    stop: Stop,
    answers: Sender<Result<StateAnswer, String>>,
}

/// The jobs at work.
type Jobs = Arc<Mutex<BTreeMap<u64, Working>>>;

fn locked(jobs: &Jobs) -> MutexGuard<'_, BTreeMap<u64, Working>> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one inside: takes orders from standard input until that ends. The enclosure ends with its process, and whatever still runs
/// in there.
pub fn serve() -> io::Result<()> {
    let mine = io::stdout();
    say(&mut mine.lock(), &Word::Ready)?;
    let jobs = Jobs::default();
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Order::Run(id, job) => {
                let (answers, answered) = channel();
                let stop = Stop::default();
                locked(&jobs).insert(id, Working { stop: stop.clone(), answers });
                let jobs = jobs.clone();
                thread::spawn(move || {
                    let states = ByAsking { id, answered: Mutex::new(answered) };
                    let ran = job.run(stop, Some(Arc::new(states)));
                    locked(&jobs).remove(&id);
                    // Nobody listens any more: then the orders have ended too.
                    let _told = say(&mut io::stdout().lock(), &Word::Ran(id, Box::new(ran)));
                });
            }
            Order::Stop(id) => {
                let stop = locked(&jobs).get(&id).map(|job| job.stop.clone());
                stop.iter().for_each(Stop::stop);
            }
            Order::Answer(id, answer) => {
                if let Some(job) = locked(&jobs).get(&id) {
                    let _over = job.answers.send(answer);
                }
            }
        }
    }
    Ok(())
}

/// States that the process outside asks for.
#[derive(Debug)]
struct ByAsking {
    id: u64,
    answered: Mutex<std::sync::mpsc::Receiver<Result<StateAnswer, String>>>,
}

impl States for ByAsking {
    fn ask(&self, request: &StateRequest) -> Result<StateAnswer, String> {
        // One question at a time, so that each answer is the one to it.
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        say(&mut io::stdout().lock(), &Word::Ask(self.id, request.clone()))
            .map_err(|error| error.to_string())?;
        answered.recv().map_err(|_| "the run is over".to_owned())?
    }
}
