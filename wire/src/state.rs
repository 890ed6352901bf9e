//! What a step keeps for the next ones: Terraform's state and its lock, from the agent's loopback service to the runner.

use serde::{Deserialize, Serialize};

use crate::Bytes64;

/// Bytes of all states of one resource at most: they are kept in one Secret, which holds 1 MiB.
pub const MAX_STATE_BYTES: usize = 900 * 1024;
/// States of one resource at most.
pub const MAX_STATES: usize = 16;

/// `POST /v1/step/state`: the script that runs under this claim wants something with a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateRequest {
    /// The nonce the claim was won with.
    pub nonce: String,
    /// Which of the resource's states: 1 to 30 of `[a-z0-9-]`.
    pub name: String,
    /// What it wants.
    pub ask: StateAsk,
}

/// What is wanted with a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase")]
pub enum StateAsk {
    /// The state.
    Read,
    /// Make this the state.
    Write {
        /// The whole new state.
        state: Bytes64,
        /// Id of the lock it is written under; none for what is saved after the script's end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lock: Option<String>,
    },
    /// Forget the state.
    Remove,
    /// Let nobody else write it.
    Lock {
        /// Id of the lock, made by the one who locks.
        id: String,
        /// What it says of itself, as JSON; shown to those who are refused.
        info: String,
    },
    /// Let others write it again.
    Unlock {
        /// Id of the lock; none to break whatever lock this very attempt holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// Answer to [`StateRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase")]
pub enum StateAnswer {
    /// The state, if there is one.
    State {
        /// As written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<Bytes64>,
    },
    /// Done.
    Done,
    /// Another lock holds it.
    Locked {
        /// What that lock says of itself.
        info: String,
    },
    /// Nothing was done, and trying again does not help.
    Refused {
        /// Why, and the way out.
        reason: String,
    },
}

/// Whether a name may be one of a state.
pub fn is_state_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=30).contains(&name.len()) && name.bytes().all(fits)
}
