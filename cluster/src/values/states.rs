//! States of steps in one Secret of the life: the state itself raw, who holds its lock beside it.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use sandbind_core::lifecycle::{KeptState, record::Record};
use sandbind_engine::ports::{Answer, PortError};
use sandbind_wire::Bytes64;

/// Ends the key of a state.
const STATE: &str = ".tfstate";
/// Ends the key of what is known about it.
const ABOUT: &str = ".json";

pub(super) fn name(record: &Record) -> String {
    format!("{}-state", record.spec.incarnation)
}

/// What a Secret holds. What does not parse is not quoted.
pub(super) fn of(secret: &Secret) -> Answer<BTreeMap<String, KeptState>> {
    let data = secret.data.iter().flatten();
    let mut states = BTreeMap::new();
    for (name, about) in data.filter_map(|(key, value)| Some((key.strip_suffix(ABOUT)?, &value.0))) {
        let mut kept: KeptState = serde_json::from_slice(about).map_err(|_| {
            let what = secret.metadata.name.as_deref().unwrap_or_default();
            PortError::refused(
                format!("reading Secret {what}"),
                format!("`{name}{ABOUT}` has an unexpected form"),
            )
        })?;
        let state = secret.data.as_ref().and_then(|data| data.get(&format!("{name}{STATE}")));
        kept.state = state.map(|state| Bytes64(state.0.clone()));
        states.insert(name.to_owned(), kept);
    }
    Ok(states)
}

/// Put a state into the object, leaving the others alone.
pub(super) fn put(secret: &mut Secret, name: &str, kept: &KeptState) -> Answer<()> {
    let about = KeptState { state: None, ..kept.clone() };
    let about = serde_json::to_vec(&about).map_err(|error| PortError::failed("writing a state", error))?;
    let data = secret.data.get_or_insert_default();
    data.insert(format!("{name}{ABOUT}"), ByteString(about));
    match &kept.state {
        Some(state) => data.insert(format!("{name}{STATE}"), ByteString(state.0.clone())),
        None => data.remove(&format!("{name}{STATE}")),
    };
    Ok(())
}
