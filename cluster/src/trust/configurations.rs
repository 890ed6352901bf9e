//! `caBundle` of the two webhook configurations. Every other field belongs to whoever installed them.

use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
};
use kube::{Api, Client, api::PatchParams};
use sandbind_engine::ports::{Answer, PortError};
use serde_json::{Value, json};

use crate::client::{call, call_opt, json_patch};

/// Name of both.
const CONFIGURATION: &str = sandbind_wire::name::WEBHOOK_CONFIGURATION;

/// Lets the API server trust these authorities when it calls the webhook. A configuration that is not there needs nothing.
pub(super) async fn trust(client: &Client, bundle: &str) -> Answer<()> {
    let wanted = ByteString(bundle.as_bytes().to_vec());

    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let what = format!("reading MutatingWebhookConfiguration {CONFIGURATION}");
    if let Some(found) = call_opt(&what, api.get(CONFIGURATION)).await? {
        let webhooks = found.webhooks.iter().flatten();
        let operations =
            operations(webhooks.map(|one| (&*one.name, one.client_config.ca_bundle.as_ref())), &wanted);
        if let Some(operations) = operations {
            let what = format!("writing MutatingWebhookConfiguration {CONFIGURATION}");
            let patch = json_patch(operations)?;
            settled(call(&what, api.patch(CONFIGURATION, &PatchParams::default(), &patch)).await.map(drop))?;
        }
    }

    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let what = format!("reading ValidatingWebhookConfiguration {CONFIGURATION}");
    if let Some(found) = call_opt(&what, api.get(CONFIGURATION)).await? {
        let webhooks = found.webhooks.iter().flatten();
        let operations =
            operations(webhooks.map(|one| (&*one.name, one.client_config.ca_bundle.as_ref())), &wanted);
        if let Some(operations) = operations {
            let what = format!("writing ValidatingWebhookConfiguration {CONFIGURATION}");
            let patch = json_patch(operations)?;
            settled(call(&what, api.patch(CONFIGURATION, &PatchParams::default(), &patch)).await.map(drop))?;
        }
    }
    Ok(())
}

/// A configuration that changed or went between reading and writing is looked at again the next time.
fn settled(written: Answer<()>) -> Answer<()> {
    match written {
        Err(PortError::Refused { what, reason }) if reason.contains("not found") => {
            tracing::debug!(what, "gone meanwhile");
            Ok(())
        }
        other => other,
    }
}

/// What makes every entry trust `wanted`; none when all do.
fn operations<'a>(
    webhooks: impl Iterator<Item = (&'a str, Option<&'a ByteString>)>,
    wanted: &ByteString,
) -> Option<Value> {
    let different = webhooks.enumerate().filter(|(_, (_, bundle))| *bundle != Some(wanted));
    let operations = different.flat_map(|(index, (name, _))| {
        [
            // The entry may have moved since it was read.
            json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": name}),
            json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": wanted}),
        ]
    });
    let operations: Vec<_> = operations.collect();
    (!operations.is_empty()).then_some(Value::Array(operations))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_with_another_bundle_are_written_and_only_that_field() {
        let (old, new) = (ByteString(b"old".to_vec()), ByteString(b"new".to_vec()));
        let found =
            operations([("a", Some(&new)), ("b", Some(&old)), ("c", None)].into_iter(), &new).unwrap();
        let paths: Vec<&str> =
            found.as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
        assert_eq!(
            paths,
            [
                "/webhooks/1/name",
                "/webhooks/1/clientConfig/caBundle",
                "/webhooks/2/name",
                "/webhooks/2/clientConfig/caBundle",
            ]
        );
        assert_eq!(found[1]["value"], json!("bmV3"));
        assert_eq!(operations([("a", Some(&new))].into_iter(), &new), None);
    }
}
