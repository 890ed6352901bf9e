//! A place for Terraform's state while a script runs: an HTTP service on loopback, as its `http` backend wants one. It keeps nothing
//! itself: each request becomes a question to the runner, who knows whether this attempt may still ask.
//!
//! Only who has the password that the script got is answered, for a step's pod may have other containers.

mod http;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sandbind_wire::{
    Bytes64,
    state::{MAX_STATE_BYTES, StateAnswer, StateAsk, StateRequest, is_state_name},
};

use self::http::{Request, Response};
use crate::tail::Tail;

/// The state that `TF_HTTP_ADDRESS` names.
const MAIN: &str = "main";
const USER: &str = "sandbind";
/// What Terraform leaves behind when it could not save its state.
const ERRORED: &str = "errored.tfstate";
/// So deep below the script's working folder that file is looked for: modules are often run in a folder of their own.
const DEPTH: usize = 3;
/// Connections at once; further ones are closed.
const CONNECTIONS: usize = 16;

/// Asks the runner about states. Blocks, and tries again by itself for as long as it makes sense.
pub trait States: Send + Sync + fmt::Debug {
    /// The answer, or why there is none.
    fn ask(&self, request: &StateRequest) -> Result<StateAnswer, String>;
}

/// The service of one script. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Service {
    address: SocketAddr,
    password: String,
    desk: Arc<Desk>,
    ending: Arc<AtomicBool>,
}

/// What connections share.
#[derive(Debug)]
struct Desk {
    states: Arc<dyn States>,
    nonce: String,
    expected: String,
    tail: Tail,
}

impl Service {
    /// Listens on loopback for the script of the claim `nonce`. What is refused is told in the script's log.
    pub(crate) fn start(states: Arc<dyn States>, nonce: &str, tail: Tail) -> io::Result<Self> {
        let mut bytes = [0u8; 24];
        getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
        let password = STANDARD.encode(bytes);
        let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{password}")));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk { states, nonce: nonce.to_owned(), expected, tail });
        let ending = Arc::new(AtomicBool::new(false));
        let (served, ended) = (Arc::clone(&desk), Arc::clone(&ending));
        thread::spawn(move || accept(&listener, &served, &ended));
        Ok(Self { address, password, desk, ending })
    }

    /// What the script's environment gets.
    pub(crate) fn env(&self) -> BTreeMap<&'static str, String> {
        let base = format!("http://{}/state", self.address);
        let main = format!("{base}/{MAIN}");
        BTreeMap::from([
            ("SANDBIND_STATE_URL", base),
            ("TF_HTTP_ADDRESS", main.clone()),
            ("TF_HTTP_LOCK_ADDRESS", main.clone()),
            ("TF_HTTP_UNLOCK_ADDRESS", main),
            ("TF_HTTP_USERNAME", USER.to_owned()),
            ("TF_HTTP_PASSWORD", self.password.clone()),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
        ])
    }

    /// What must not be shown.
    pub(crate) fn secret(&self) -> &[u8] {
        self.password.as_bytes()
    }

    /// After the script's end: saves what Terraform could not save itself. It writes that file only after its state was refused or
    /// the runner not reached, so it is newer than what is kept.
    pub(crate) fn save_errored(&self, cwd: &Path) {
        let Some(path) = find(cwd, DEPTH) else { return };
        let state = match std::fs::read(&path) {
            Ok(state) => Bytes64(state),
            Err(error) => return self.desk.log(&format!("`{}` cannot be read: {error}", path.display())),
        };
        let ask = StateAsk::Write { state, lock: None };
        match self.desk.ask(MAIN, ask) {
            Ok(StateAnswer::Done) => self.desk.log(&format!("`{ERRORED}` is saved as the state `{MAIN}`")),
            Ok(StateAnswer::Refused { reason }) => {
                self.desk.log(&format!("`{ERRORED}` is not saved: {reason}"));
            }
            Ok(StateAnswer::Locked { .. } | StateAnswer::State { .. }) => {
                self.desk.log(&format!("`{ERRORED}` is not saved: another step holds the lock"));
            }
            Err(reason) => self.desk.log(&format!("`{ERRORED}` is not saved: {reason}")),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        // The listener waits for somebody to come.
        let _nobody = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn accept(listener: &TcpListener, desk: &Arc<Desk>, ending: &AtomicBool) {
    for stream in listener.incoming() {
        if ending.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if Arc::strong_count(desk) > CONNECTIONS {
            continue;
        }
        let desk = Arc::clone(desk);
        thread::spawn(move || {
            let _gone =
                http::serve(stream, MAX_STATE_BYTES.saturating_mul(2), |request| desk.answer(request));
        });
    }
}

impl Desk {
    fn answer(&self, request: &Request) -> Response {
        if request.authorization.as_deref() != Some(&self.expected) {
            return Response::text(401, "the password is in TF_HTTP_PASSWORD");
        }
        let name = request.path.strip_prefix("/state/").unwrap_or_default();
        if !is_state_name(name) {
            return Response::text(404, "the path is /state/NAME; a name is 1 to 30 of a-z, 0-9 and hyphens");
        }
        let Some(ask) = ask(request) else {
            return Response::text(
                400,
                "GET, POST, DELETE, LOCK or UNLOCK, with what Terraform's http backend sends",
            );
        };
        match self.ask(name, ask) {
            Ok(StateAnswer::State { state: Some(state) }) => Response { status: 200, body: state.0 },
            Ok(StateAnswer::State { state: None }) => Response { status: 204, body: Vec::new() },
            Ok(StateAnswer::Done) => Response { status: 200, body: Vec::new() },
            Ok(StateAnswer::Locked { info }) => Response { status: 423, body: info.into_bytes() },
            Ok(StateAnswer::Refused { reason }) => {
                self.log(&format!("the state `{name}`: {reason}"));
                Response::text(403, &reason)
            }
            Err(reason) => {
                self.log(&format!("the state `{name}`: {reason}"));
                Response::text(503, &reason)
            }
        }
    }

    fn ask(&self, name: &str, ask: StateAsk) -> Result<StateAnswer, String> {
        self.states.ask(&StateRequest { nonce: self.nonce.clone(), name: name.to_owned(), ask })
    }

    fn log(&self, line: &str) {
        self.tail.push(format!("sandbind: {line}\n").as_bytes());
    }
}

/// What Terraform means.
fn ask(request: &Request) -> Option<StateAsk> {
    let id = |body: &[u8]| -> Option<String> {
        let info: serde_json::Value = serde_json::from_slice(body).ok()?;
        info.get("ID")?.as_str().map(str::to_owned)
    };
    Some(match request.method.as_str() {
        "GET" => StateAsk::Read,
        "POST" | "PUT" => StateAsk::Write {
            state: Bytes64(request.body.clone()),
            lock: request.query("ID").map(str::to_owned),
        },
        "DELETE" => StateAsk::Remove,
        "LOCK" => StateAsk::Lock {
            id: id(&request.body)?,
            info: String::from_utf8_lossy(&request.body).into_owned(),
        },
        // `force-unlock` may send no body.
        "UNLOCK" => StateAsk::Unlock { id: id(&request.body) },
        _ => return None,
    })
}

/// The first such file, nearest first.
fn find(folder: &Path, depth: usize) -> Option<PathBuf> {
    let here = folder.join(ERRORED);
    if here.is_file() {
        return Some(here);
    }
    let deeper = depth.checked_sub(1)?;
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && !path.is_symlink())
        .collect();
    folders.sort();
    folders.iter().find_map(|folder| find(folder, deeper))
}

#[cfg(test)]
mod tests;
