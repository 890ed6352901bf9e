//! The messages between the runner and the programs inside pods. All are JSON over HTTPS on port 7443.
//!
//! A caller is known by its token (TokenReview: audience, pod UID); it speaks only for its own pod, so no message
//! says who is speaking.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Bytes64;

/// `POST /v1/step/claim`: a step agent asks for the right to run its attempt. Long poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRequest {
    /// Random id of this agent process; the same nonce gets the same answer again.
    pub nonce: String,
}

/// Answer to [`ClaimRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "camelCase")]
pub enum ClaimAnswer {
    /// The claim is won: run this.
    Run(Box<Assignment>),
    /// Not decided yet: ask again at once.
    Wait,
    /// This pod's attempt is not (or no longer) wanted: exit without effect.
    Refused {
        /// Why, for the agent's own log.
        reason: String,
    },
}

/// One attempt of one step: everything the agent needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The script, run by its shebang.
    pub script: String,
    /// Environment of the script, besides what the container has.
    pub env: BTreeMap<String, String>,
    /// Files to write before the script starts, mode 0644 unless given.
    pub files: Vec<InputFile>,
    /// Where the declared outputs are read.
    pub outputs: Vec<OutputPath>,
    /// Seconds until the agent signals the script.
    pub timeout_seconds: u64,
    /// Signal at the deadline, such as `SIGTERM`.
    pub signal: String,
    /// Seconds between that signal and SIGKILL.
    pub grace_seconds: u64,
    /// Values that must not leave the pod in logs or messages.
    pub redact: Vec<Bytes64>,
    /// Whether the script gets a place for Terraform's state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terraform_state: bool,
}

/// A file that the script finds when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputFile {
    /// Path; parent directories are made. A relative one is below the script's working folder.
    pub path: String,
    /// Content, byte for byte.
    pub content: Bytes64,
}

/// A declared output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputPath {
    /// The output's name within its step.
    pub name: String,
    /// The file it is read from; a relative path is below the script's working folder.
    pub path: String,
}

/// `POST /v1/step/result`: how the attempt ended. Posted until accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// The nonce the claim was won with.
    pub nonce: String,
    /// How the script ended.
    pub end: ScriptEnd,
    /// Outputs whose file existed, byte for byte, also after a failure.
    pub outputs: BTreeMap<String, Bytes64>,
    /// Why an output could not be read, by output name. An absent file is not listed here but missing from `outputs`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, String>,
    /// The last 64 KiB of stdout and stderr, redacted.
    pub log: String,
    /// The last line that is not blank, redacted, at most 200 characters.
    pub last_line: String,
    /// How long the script ran.
    pub milliseconds: u64,
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ScriptEnd {
    /// It exited by itself.
    Exited {
        /// Exit code, 0 to 255.
        code: i32,
    },
    /// A signal ended it, not the one of its deadline.
    Signaled {
        /// Signal number.
        signal: i32,
    },
    /// It ran past its deadline and was ended.
    Deadline,
    /// It could not be started (no such interpreter, unwritable folder …).
    NotStarted {
        /// Why.
        reason: String,
    },
}

/// Answer to [`StepResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResultAnswer {
    /// Recorded (now or before).
    Accepted,
    /// The attempt is over for the record; the result changes nothing any more.
    Stale,
}

/// What an injected sidecar is to bind: the JSON in its [`crate::name::ENV_BINDINGS`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodBindings {
    /// The resources this pod uses.
    pub resources: Vec<PodResource>,
    /// `name/generateName` of the pod as it was when this was written. A pod that carries these bindings under another
    /// name is a copy, and copies get holds of their own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub made_for: String,
    /// How to tell the app that files changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Seconds a gated sidecar waits for its resources before it exits (and is restarted).
    pub ready_seconds: u64,
}

/// One resource of a pod, as fixed at admission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodResource {
    /// The resource's name within the sandbox.
    pub name: String,
    /// Name of the ResourceInstance.
    pub instance: String,
    /// The life this pod is bound to.
    pub incarnation: String,
    /// The pod's hold on it.
    pub reservation: String,
    /// True when the record was not Ready at admission: the sidecar opens only on the runner's word.
    pub gated: bool,
    /// Folder of the delivered Secret in the sidecar, when it was Ready at admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounted: Option<String>,
    /// Output keys that env vars of the pod take from the Secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_keys: Vec<String>,
    /// Files to keep fresh.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<Folder>,
}

/// A folder of files in the files volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Folder {
    /// Folder inside the sidecar's files volume.
    pub dir: String,
    /// The files; empty: every delivered output, named by its key, mode 0444.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<FolderItem>,
}

/// One file of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FolderItem {
    /// `<step>.<output>`.
    pub key: String,
    /// Path relative to the folder.
    pub path: String,
    /// Permission bits, such as 0o440.
    pub mode: u32,
}

/// How the app learns of new files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Notify {
    /// `POST http://127.0.0.1:PORT/PATH`.
    Http {
        /// Port on loopback.
        port: u16,
        /// Path, with its leading slash.
        path: String,
    },
    /// Send a signal to the processes of a container (shared process namespace, same uid).
    Signal {
        /// Name of the container.
        container: String,
        /// Signal name, such as `SIGHUP`.
        name: String,
    },
}

/// `GET /v1/bindings?after=REV`: the state of everything the calling pod is bound to. Long poll: answers at once when the
/// revision differs from `after`, else when it changes or after the poll's time (≤ 300 s).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingsAnswer {
    /// Opaque; changes with anything below. Never empty.
    pub revision: String,
    /// State by resource name.
    pub resources: BTreeMap<String, BoundResource>,
}

/// The state of one bound resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum BoundResource {
    /// Not yet: one line such as `step provision, attempt 2, 14 s`.
    Waiting {
        /// What is being waited for.
        line: String,
    },
    /// The last round failed; a later one may serve this pod.
    Failed {
        /// Step, exit code, last line, time of the next try.
        line: String,
    },
    /// Ready in this pod's incarnation.
    Ready {
        /// Counts the refreshes; values are of this revision as a whole.
        revision: u64,
        /// Delivered outputs by key.
        values: BTreeMap<String, Bytes64>,
    },
    /// This incarnation is gone or going; the pod should not have been started.
    Gone {
        /// Why.
        line: String,
    },
}

/// `POST /v1/pod/release`: the sidecar got SIGTERM. A hint that shortens waiting; it decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRequest {}

/// Any refusal by the runner: HTTP 4xx or 5xx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub reason: String,
}
