//! Messages: what is decoded is encoded so that it is decoded as the same.

use std::fmt::Debug;

use sandbind_wire::{message, state};
use serde::{Serialize, de::DeserializeOwned};

/// The law.
pub fn law(data: &[u8]) {
    there_and_back::<message::ClaimRequest>(data);
    there_and_back::<message::ClaimAnswer>(data);
    there_and_back::<message::Assignment>(data);
    there_and_back::<message::StepResult>(data);
    there_and_back::<message::ScriptEnd>(data);
    there_and_back::<message::ResultAnswer>(data);
    there_and_back::<message::PodBindings>(data);
    there_and_back::<message::BindingsAnswer>(data);
    there_and_back::<message::BoundResource>(data);
    there_and_back::<message::ReleaseRequest>(data);
    there_and_back::<message::Refusal>(data);
    there_and_back::<state::StateRequest>(data);
    there_and_back::<state::StateAnswer>(data);
}

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(data) else { return };
    let text = serde_json::to_string(&message).expect("cannot be encoded");
    let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    super::same(&again, &message, &text);
    super::same(&serde_json::to_string(&again).ok(), &Some(text), "encoded in another way");
}
