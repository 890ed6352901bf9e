//! Snapshots, outputs and logs: Secrets of the system namespace that go with the record, or with their round once it is long past.

mod current;
mod states;

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use sandbind_core::{
    api::{ResourceInstance, instance::Work},
    lifecycle::{
        KeptState,
        record::{Record, StepRun},
        snapshot::Snapshot,
    },
};
use sandbind_engine::ports::{Answer, PortError, Values};
use sandbind_wire::{Bytes64, name};
use serde_json::json;

use self::current::Current;
use crate::client::{call, call_opt};

/// Key of a snapshot.
const SNAPSHOT: &str = "snapshot.json";
/// A snapshot may not be larger.
const SNAPSHOT_MAX: usize = 512 * 1024;
/// Key of an attempt's log.
pub const LOG: &str = "log";
/// Prefix of the keys of an attempt's outputs.
const OUT: &str = "out.";
/// So many attempts of a step keep their Secret; refreshes and failing deletes go on for ever.
const ATTEMPTS_KEPT: u32 = 10;
/// So many rounds before the current one keep theirs, for people who ask what the steps wrote; failing rounds go on for ever.
const ROUNDS_KEPT: u32 = 1;

/// The values of one installation.
#[derive(Clone)]
pub struct ClusterValues {
    api: Api<Secret>,
}

impl ClusterValues {
    /// Values in Secrets of `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client, namespace) }
    }

    async fn read(&self, name: &str) -> Answer<Option<Secret>> {
        call_opt(&format!("reading Secret {name}"), self.api.get(name)).await
    }

    async fn create(&self, secret: &Secret) -> Answer<Secret> {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        call(&format!("creating Secret {name}"), self.api.create(&PostParams::default(), secret)).await
    }

    /// Make a round's outputs of a run the current ones. `stale` conflicts are taken up here: writers are few.
    async fn make_current(&self, record: &Record, round: u32, found: &[(StepRun, Outputs)]) -> Answer<()> {
        let name = outputs_name(record, round);
        for _ in 0..5 {
            let stored = self.read(&name).await?;
            let exists = stored.is_some();
            let mut secret = match stored {
                Some(stored) => stored,
                None => owned(self.owner(record, round).await?, record, &name, BTreeMap::new()),
            };
            let mut current = Current::of(&secret);
            if !current.merge(found) && exists {
                return Ok(());
            }
            current.into(&mut secret);
            let written = if exists {
                let what = format!("writing Secret {name}");
                call(&what, self.api.replace(&name, &PostParams::default(), &secret)).await
            } else {
                self.create(&secret).await
            };
            match written {
                Ok(_) => return Ok(()),
                Err(PortError::Conflict { .. } | PortError::Exists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(PortError::Conflict { what: format!("writing Secret {name}") })
    }

    /// What a round's values belong to: its snapshot, so that they go with it. Without one: the record.
    async fn owner(&self, record: &Record, round: u32) -> Answer<OwnerReference> {
        let name = snapshot_name(record, round);
        let found = call_opt(&format!("reading Secret {name}"), self.api.get_metadata(&name)).await?;
        let snapshot = found.and_then(|found| found.metadata.uid).map(|uid| OwnerReference {
            api_version: Secret::api_version(&()).into_owned(),
            kind: Secret::kind(&()).into_owned(),
            name,
            uid,
            ..OwnerReference::default()
        });
        Ok(snapshot.unwrap_or_else(|| itself(record)))
    }

    /// What an attempt wrote.
    async fn left(&self, run: &StepRun) -> Answer<Outputs> {
        let name = run.pod_name();
        let secret = self.read(&name).await?.ok_or_else(|| {
            PortError::refused(format!("reading Secret {name}"), "the outputs of this attempt are not there")
        })?;
        Ok(attempt_outputs(&secret))
    }

    /// Best effort: what stays goes with the record.
    async fn forget_old_round(&self, record: &Record, round: u32) {
        let Some(old) = round.checked_sub(ROUNDS_KEPT + 1).filter(|old| *old > 0) else { return };
        let name = snapshot_name(record, old);
        let what = format!("deleting Secret {name}");
        if let Err(error) = call_opt(&what, self.api.delete(&name, &DeleteParams::default())).await {
            tracing::debug!(error = %error, "the Secrets of an old round stay until its record goes");
        }
    }

    /// Best effort: what stays goes with the record.
    async fn forget_old_attempt(&self, run: &StepRun) {
        let Some(attempt) = run.attempt.checked_sub(ATTEMPTS_KEPT).filter(|attempt| *attempt > 0) else {
            return;
        };
        let name = StepRun { attempt, ..run.clone() }.pod_name();
        let what = format!("deleting Secret {name}");
        if let Err(error) = call_opt(&what, self.api.delete(&name, &DeleteParams::default())).await {
            tracing::debug!(error = %error, "an old attempt's Secret stays until its record goes");
        }
    }
}

/// Outputs of one attempt, by `<output>`.
type Outputs = BTreeMap<String, Bytes64>;

fn snapshot_name(record: &Record, round: u32) -> String {
    format!("{}-r{round}-snapshot", record.spec.incarnation)
}

fn outputs_name(record: &Record, round: u32) -> String {
    format!("{}-r{round}-outputs", record.spec.incarnation)
}

/// The record, as owner of what goes with it.
fn itself(record: &Record) -> OwnerReference {
    OwnerReference {
        api_version: ResourceInstance::api_version(&()).into_owned(),
        kind: ResourceInstance::kind(&()).into_owned(),
        name: record.name.clone(),
        uid: record.uid.clone(),
        ..OwnerReference::default()
    }
}

/// A Secret of the record that goes with its owner.
fn owned(owner: OwnerReference, record: &Record, name: &str, data: BTreeMap<String, ByteString>) -> Secret {
    let labels = BTreeMap::from([
        ("app.kubernetes.io/managed-by".to_owned(), name::MANAGED_BY.to_owned()),
        (name::LABEL_INSTANCE.to_owned(), record.name.clone()),
        (name::LABEL_INCARNATION.to_owned(), record.spec.incarnation.clone()),
    ]);
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    };
    Secret { metadata, data: Some(data), type_: Some("Opaque".to_owned()), ..Secret::default() }
}

fn attempt_secret(
    owner: OwnerReference,
    record: &Record,
    run: &StepRun,
    outputs: &Outputs,
    log: &str,
) -> Secret {
    let mut data: BTreeMap<String, ByteString> =
        outputs.iter().map(|(name, value)| (format!("{OUT}{name}"), ByteString(value.0.clone()))).collect();
    data.insert(LOG.to_owned(), ByteString(log.as_bytes().to_vec()));
    let mut secret = owned(owner, record, &run.pod_name(), data);
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.insert(name::LABEL_STEP.to_owned(), run.step.clone());
    labels.insert(name::LABEL_PHASE.to_owned(), run.work.as_str().to_owned());
    secret.metadata.annotations =
        serde_json::to_string(run).ok().map(|text| BTreeMap::from([(name::ANNOTATION_RUN.to_owned(), text)]));
    secret
}

fn attempt_outputs(secret: &Secret) -> Outputs {
    let data = secret.data.iter().flatten();
    data.filter_map(|(key, value)| Some((key.strip_prefix(OUT)?.to_owned(), Bytes64(value.0.clone()))))
        .collect()
}

/// The snapshot in a Secret. What does not parse is not quoted.
fn parse(secret: &Secret) -> Answer<Snapshot> {
    let text = secret.data.iter().flatten().find(|(key, _)| *key == SNAPSHOT);
    let parsed = text.and_then(|(_, bytes)| serde_json::from_slice(&bytes.0).ok());
    parsed.ok_or_else(|| {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        PortError::refused(
            format!("reading Secret {name}"),
            format!("its `{SNAPSHOT}` has an unexpected form"),
        )
    })
}

fn text(snapshot: &Snapshot, name: &str) -> Answer<ByteString> {
    let text = serde_json::to_vec(snapshot).map_err(|_| {
        PortError::refused(format!("writing Secret {name}"), "the snapshot cannot be written as JSON")
    })?;
    if text.len() > SNAPSHOT_MAX {
        let reason = "plugin content and params are more than 512 KiB; make the scripts smaller";
        return Err(PortError::refused(format!("writing Secret {name}"), reason));
    }
    Ok(ByteString(text))
}

impl Values for ClusterValues {
    async fn snapshot(&self, record: &Record, round: u32) -> Answer<Option<Snapshot>> {
        let secret = self.read(&snapshot_name(record, round)).await?;
        secret.as_ref().map(parse).transpose()
    }

    async fn store_snapshot(&self, record: &Record, round: u32, snapshot: &Snapshot) -> Answer<Snapshot> {
        let name = snapshot_name(record, round);
        let data = BTreeMap::from([(SNAPSHOT.to_owned(), text(snapshot, &name)?)]);
        let stored = match self.create(&owned(itself(record), record, &name, data)).await {
            // Gone again between the two calls: the record is going.
            Err(PortError::Exists { what }) => self.read(&name).await?.ok_or(PortError::Conflict { what })?,
            stored => stored?,
        };
        self.forget_old_round(record, round).await;
        parse(&stored)
    }

    async fn override_delete(&self, record: &Record, round: u32, snapshot: &Snapshot) -> Answer<()> {
        let name = snapshot_name(record, round);
        let patch = Patch::Merge(json!({"data": {SNAPSHOT: text(snapshot, &name)?}}));
        let what = format!("writing Secret {name}");
        call(&what, self.api.patch(&name, &PatchParams::default(), &patch)).await.map(drop)
    }

    async fn outputs(&self, record: &Record, round: u32) -> Answer<BTreeMap<String, Bytes64>> {
        let secret = self.read(&outputs_name(record, round)).await?;
        let data = secret.and_then(|secret| secret.data).unwrap_or_default();
        Ok(data.into_iter().map(|(key, value)| (key, Bytes64(value.0))).collect())
    }

    async fn store_attempt(
        &self,
        record: &Record,
        run: &StepRun,
        outputs: &BTreeMap<String, Bytes64>,
        log: &str,
    ) -> Answer<()> {
        let owner = self.owner(record, run.round).await?;
        match self.create(&attempt_secret(owner, record, run, outputs, log)).await {
            Ok(_) => {}
            Err(PortError::Exists { what }) => {
                let stored = self.read(&run.pod_name()).await?;
                let same = stored.as_ref().is_some_and(|stored| attempt_outputs(stored) == *outputs);
                if !same {
                    return Err(PortError::Exists { what });
                }
            }
            Err(error) => return Err(error),
        }
        if run.work == Work::Create && !outputs.is_empty() {
            self.make_current(record, run.round, &[(run.clone(), outputs.clone())]).await?;
        }
        self.forget_old_attempt(run).await;
        Ok(())
    }

    async fn adopt_refresh(&self, record: &Record, runs: &[StepRun]) -> Answer<()> {
        let mut found: BTreeMap<u32, Vec<(StepRun, Outputs)>> = BTreeMap::new();
        for run in runs {
            found.entry(run.round).or_default().push((run.clone(), self.left(run).await?));
        }
        for (round, found) in found {
            self.make_current(record, round, &found).await?;
        }
        Ok(())
    }

    async fn states(&self, record: &Record) -> Answer<BTreeMap<String, KeptState>> {
        self.read(&states::name(record))
            .await?
            .as_ref()
            .map(states::of)
            .transpose()
            .map(Option::unwrap_or_default)
    }

    async fn store_state(&self, record: &Record, name: &str, next: &KeptState) -> Answer<()> {
        let secret = states::name(record);
        let stored = self.read(&secret).await?;
        let exists = stored.is_some();
        let mut stored = stored.unwrap_or_else(|| owned(itself(record), record, &secret, BTreeMap::new()));
        if states::of(&stored)?.get(name).map_or(0, |kept| kept.writes) + 1 != next.writes {
            return Err(PortError::Conflict { what: format!("writing Secret {secret}") });
        }
        states::put(&mut stored, name, next)?;
        let written = if exists {
            // With the revision that was read: another write in between is a conflict.
            let what = format!("writing Secret {secret}");
            call(&what, self.api.replace(&secret, &PostParams::default(), &stored)).await
        } else {
            self.create(&stored).await
        };
        match written {
            Err(PortError::Exists { what }) => Err(PortError::Conflict { what }),
            other => other.map(drop),
        }
    }

    async fn refreshed(&self, _record: &Record, runs: &[StepRun]) -> Answer<BTreeMap<String, Bytes64>> {
        let mut all = BTreeMap::new();
        for run in runs {
            let outputs = self.left(run).await?.into_iter();
            all.extend(outputs.map(|(name, value)| (name::output_key(&run.step, &name), value)));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
