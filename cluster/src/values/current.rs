//! The current outputs of a round: of each the one of the highest rank.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use sandbind_core::{api::instance::Work, lifecycle::record::StepRun};
use sandbind_wire::{Bytes64, name::output_key};

use super::Outputs;

/// Annotation: JSON of the rank of each output.
const RANKS: &str = "sandbind.dev/ranks";

/// (refresh above create, attempt).
type Rank = (bool, u32);

/// Values and ranks by `<step>.<output>`.
#[derive(Default)]
pub(super) struct Current {
    values: BTreeMap<String, ByteString>,
    ranks: BTreeMap<String, Rank>,
}

impl Current {
    /// As stored. Ranks that do not parse count as the lowest.
    pub(super) fn of(secret: &Secret) -> Self {
        let annotations = secret.metadata.annotations.as_ref();
        let ranks = annotations.and_then(|annotations| serde_json::from_str(annotations.get(RANKS)?).ok());
        Self { values: secret.data.clone().unwrap_or_default(), ranks: ranks.unwrap_or_default() }
    }

    /// Take what is not outranked; answers whether anything changed.
    pub(super) fn merge(&mut self, found: &[(StepRun, Outputs)]) -> bool {
        let mut changed = false;
        for (run, outputs) in found {
            let rank = (run.work == Work::Refresh, run.attempt);
            for (output, Bytes64(value)) in outputs {
                let key = output_key(&run.step, output);
                if self.ranks.get(&key).is_some_and(|stored| *stored > rank) {
                    continue;
                }
                changed |= self.ranks.insert(key.clone(), rank) != Some(rank);
                let value = ByteString(value.clone());
                changed |= self.values.insert(key, value.clone()).as_ref() != Some(&value);
            }
        }
        changed
    }

    /// Put into the object, leaving the rest of it alone.
    pub(super) fn into(self, secret: &mut Secret) {
        secret.data = Some(self.values);
        if let Ok(ranks) = serde_json::to_string(&self.ranks) {
            secret.metadata.annotations.get_or_insert_default().insert(RANKS.to_owned(), ranks);
        }
    }
}
