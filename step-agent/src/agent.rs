//! The agent in a step pod: claims its attempt, runs it, and reports until the runner has accepted the result.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Write as _,
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use sandbind_link::{Client, LinkError, Settings, bell::Bell, client::REQUEST};
use sandbind_wire::{
    backoff::LINK,
    message::{Assignment, ClaimAnswer, ClaimRequest, ResultAnswer, ScriptEnd, StepResult},
    name,
    state::{StateAnswer, StateRequest},
};

use crate::{
    script::{self, Reach, RunOptions, Stop},
    secrets,
    states::States,
};

/// How long the agent asks for its claim. The runner gives an attempt up earlier and says so.
const START: Duration = Duration::from_secs(600);
/// How long it goes on asking once it was told to end, because an answer got lost that may have been the claim.
const LAST_CLAIM: Duration = Duration::from_secs(25);
/// The runner holds a claim request no longer than this.
const HELD: Duration = Duration::from_secs(30);
/// How long a question about a state is repeated while the runner is not reached. Terraform then writes what it could not save into a
/// file, which is saved after its end.
const STATE: Duration = Duration::from_secs(60);
/// Time for a claim request: what the runner holds it, and the way.
const CLAIM: Duration = Duration::from_secs(45);

/// How the agent's life ended well.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The result is recorded.
    Delivered,
    /// The attempt was over for the record when the result came.
    Stale,
    /// The claim was not given; nothing was run.
    Refused(String),
    /// Told to end before it had a claim; nothing was run.
    Ended,
}

/// Why it ended without telling the runner.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The pod's environment is not complete.
    #[error("the agent cannot begin")]
    Settings(#[source] LinkError),
    /// The system refused something basic.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The runner was not reached in time.
    #[error("no claim within {} s", START.as_secs())]
    NoClaim(#[source] LinkError),
}

/// Runs the agent as the program of its container: settings from the environment, SIGTERM ends the script.
pub fn run() -> Result<Outcome, AgentError> {
    let system = |what| move |source| AgentError::System { what, source };
    let settings = Settings::from_env(|name| std::env::var(name).ok()).map_err(AgentError::Settings)?;
    let env: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    let list = |name: &str| env.get(&OsString::from(name)).map(|v| v.to_string_lossy().into_owned());
    let hidden = own_secrets(list(name::ENV_REDACT_ENV), list(name::ENV_REDACT_FILES), &env);

    let nonce = nonce().map_err(system("no random number"))?;
    let stop = Stop::default();
    let bell = Bell::new().map_err(system("no pipe for signals"))?;
    bell.ring_on_end().map_err(system("no handler for SIGTERM"))?;
    let told = stop.clone();
    thread::spawn(move || {
        while !bell.is_ended() && bell.wait(None).is_ok() {}
        told.stop();
    });
    // As pid 1 it is one anyway; elsewhere it becomes the parent of whatever the script leaves behind.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|e| AgentError::System { what: "cannot adopt orphans", source: e.into() })?;

    let client = Arc::new(Client::new(settings));
    let assignment = match claim(&client, &nonce, &stop)? {
        Claim::Won(assignment) => assignment,
        Claim::Over(outcome) => return Ok(outcome),
    };
    say("claim won, running the script");
    let result = match hidden {
        Ok(redact) => {
            let options = RunOptions {
                nonce: nonce.clone(),
                inherit_env: true,
                redact,
                remove_old_outputs: false,
                reach: Reach::Container,
                stop,
                states: Some(Arc::new(ByRunner(client.clone()))),
            };
            script::run(&assignment, &workdir(&nonce), &options)
        }
        Err(e) => not_started(&nonce, format!("what must not be shown cannot be read: {e}")),
    };
    say(&format!("script ended after {} ms, reporting", result.milliseconds));
    Ok(report(&client, &result))
}

enum Claim {
    Won(Box<Assignment>),
    Over(Outcome),
}

/// Asks until there is a verdict.
fn claim(client: &Client, nonce: &str, stop: &Stop) -> Result<Claim, AgentError> {
    let request = ClaimRequest { nonce: nonce.to_owned() };
    let mut end = Instant::now() + START;
    let mut failures = 0;
    // When the first of the latest requests was sent whose answer was lost: one of them may have won the claim.
    let mut lost: Option<Instant> = None;
    loop {
        if stop.is_stopped() {
            if lost.is_none() {
                return Ok(Claim::Over(Outcome::Ended));
            }
            end = end.min(Instant::now() + LAST_CLAIM);
        }
        let sent = Instant::now();
        match client.post::<ClaimAnswer>("/v1/step/claim", &request, CLAIM) {
            Ok(ClaimAnswer::Run(mut assignment)) => {
                shorten(&mut assignment, lost.map(|sent| sent.elapsed()));
                return Ok(Claim::Won(assignment));
            }
            Ok(ClaimAnswer::Wait) => {
                failures = 0;
                lost = None;
            }
            Ok(ClaimAnswer::Refused { reason }) => return Ok(Claim::Over(Outcome::Refused(reason))),
            Err(e) => {
                failures += 1;
                lost.get_or_insert(sent);
                say(&format!("claim: {e}"));
                if Instant::now() > end {
                    return Err(AgentError::NoClaim(e));
                }
                thread::sleep(LINK.jittered(failures, random()));
            }
        }
    }
}

/// A claim that was won by a request whose answer got lost is that much older, and the record counts its end from its beginning:
/// the script's time shrinks by what is gone, for it must never run when the record thinks it dead.
fn shorten(assignment: &mut Assignment, lost: Option<Duration>) {
    let gone = lost.unwrap_or_default().saturating_sub(HELD).as_secs();
    assignment.timeout_seconds = assignment.timeout_seconds.saturating_sub(gone);
}

/// States, kept by the runner.
#[derive(Debug)]
struct ByRunner(Arc<Client>);

impl States for ByRunner {
    fn ask(&self, request: &StateRequest) -> Result<StateAnswer, String> {
        let end = Instant::now() + STATE;
        let mut failures = 0;
        loop {
            match self.0.post::<StateAnswer>("/v1/step/state", request, REQUEST) {
                Ok(answer) => return Ok(answer),
                Err(e) if Instant::now() > end => return Err(e.to_string()),
                Err(e) => {
                    failures += 1;
                    say(&format!("state: {e}"));
                    thread::sleep(LINK.jittered(failures, random()));
                }
            }
        }
    }
}

/// Posts the result until it is accepted.
fn report(client: &Client, result: &StepResult) -> Outcome {
    let mut failures = 0;
    loop {
        match client.post::<ResultAnswer>("/v1/step/result", result, REQUEST) {
            Ok(ResultAnswer::Accepted) => return Outcome::Delivered,
            Ok(ResultAnswer::Stale) => return Outcome::Stale,
            Err(e) => {
                failures += 1;
                say(&format!("result: {e}"));
                thread::sleep(LINK.jittered(failures, random()));
            }
        }
    }
}

fn own_secrets(
    env_list: Option<String>,
    file_list: Option<String>,
    env: &BTreeMap<OsString, OsString>,
) -> io::Result<Vec<Vec<u8>>> {
    let mut values = env_list.map(|list| secrets::of_env(&list, env)).unwrap_or_default();
    if let Some(list) = file_list {
        values.extend(secrets::of_files(&list)?);
    }
    Ok(values)
}

fn not_started(nonce: &str, reason: String) -> StepResult {
    StepResult {
        nonce: nonce.to_owned(),
        end: ScriptEnd::NotStarted { reason },
        outputs: BTreeMap::new(),
        unreadable: BTreeMap::new(),
        log: String::new(),
        last_line: String::new(),
        milliseconds: 0,
    }
}

/// A private folder where one can be made: beside the agent's own program, among the temporary files, or in the shared memory that
/// every container has, also one whose image is read-only or empty (nothing is executed there: the interpreter reads the script).
fn workdir(nonce: &str) -> PathBuf {
    let folder = format!("sandbind-work-{nonce}");
    let temporary = std::env::temp_dir();
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let places = beside.into_iter().chain([temporary.clone(), PathBuf::from("/dev/shm")]);
    first_made(places, &folder).unwrap_or_else(|| temporary.join(&folder))
}

/// The folder in the first place where it can be made.
fn first_made(mut places: impl Iterator<Item = PathBuf>, folder: &str) -> Option<PathBuf> {
    places.find_map(|place| {
        let path = place.join(folder);
        std::fs::DirBuilder::new().mode(0o700).create(&path).ok().map(|()| path)
    })
}

fn nonce() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    }))
}

fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}

/// A line of the agent's own on the container's stdout. Nothing of the script ever goes there.
pub fn say(line: &str) {
    let _closed = writeln!(io::stdout(), "sandbind: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_whose_answer_got_lost_leaves_less_time() {
        for (lost, left) in [(None, 100), (Some(5), 100), (Some(60), 70), (Some(500), 0)] {
            let mut assignment = Assignment {
                script: String::new(),
                env: BTreeMap::new(),
                files: Vec::new(),
                outputs: Vec::new(),
                timeout_seconds: 100,
                signal: "SIGTERM".to_owned(),
                grace_seconds: 1,
                redact: Vec::new(),
                terraform_state: false,
            };
            shorten(&mut assignment, lost.map(Duration::from_secs));
            assert_eq!(assignment.timeout_seconds, left, "{lost:?}");
        }
    }
    #[test]
    fn the_work_folder_is_made_where_it_can_be() {
        let dir = tempfile::tempdir().unwrap();
        let places = [PathBuf::from("/proc"), dir.path().join("absent"), dir.path().to_owned()];
        let made = first_made(places.into_iter(), "work").unwrap();
        assert_eq!(made, dir.path().join("work"));
        assert!(first_made([PathBuf::from("/proc")].into_iter(), "work").is_none());
    }
}
