//! What the clusters of a hub say.

use jiff::Timestamp;
use kube::{Api, ResourceExt as _, api::ListParams};
use sandbind_core::{
    api::{MemberCluster, member::MemberPlugin},
    hub,
};

use crate::{client::Cluster, exit::Outcome, output::age};

/// Every MemberCluster; none where the API server does not know the kind.
pub(crate) async fn all(cluster: &Cluster) -> Outcome<Vec<MemberCluster>> {
    list(cluster, &[404]).await
}

/// The same for what is only shown: who may not read them sees none.
pub(crate) async fn readable(cluster: &Cluster) -> Outcome<Vec<MemberCluster>> {
    list(cluster, &[403, 404]).await
}

async fn list(cluster: &Cluster, none_by: &[u16]) -> Outcome<Vec<MemberCluster>> {
    match Api::<MemberCluster>::all(cluster.client.clone()).list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if none_by.contains(&status.code) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// What a cluster says of one version.
pub(crate) fn told<'a>(member: &'a MemberCluster, identity: &str) -> Option<&'a MemberPlugin> {
    member.status.as_ref()?.plugins.iter().find(|plugin| plugin.identity == identity)
}

/// `12s ago`, `silent for 7m` or `never`.
pub(crate) fn heartbeat(member: &MemberCluster, now: Timestamp) -> String {
    let heartbeat = member.status.as_ref().and_then(|status| status.heartbeat.as_deref());
    match heartbeat.and_then(|text| text.parse::<Timestamp>().ok()) {
        None => "never".to_owned(),
        Some(at) if hub::is_silent(member, now) => format!("silent for {}", age(Some(at), now)),
        Some(at) => format!("{} ago", age(Some(at), now)),
    }
}

/// Clusters in which a version is ready, of all, such as `2/3`.
pub(crate) fn ready(members: &[MemberCluster], identity: &str) -> String {
    let ready = members.iter().filter(|member| told(member, identity).is_some_and(|told| told.ready)).count();
    format!("{ready}/{}", members.len())
}

/// Resources in all clusters that were made from a version.
pub(crate) fn instances(members: &[MemberCluster], identity: &str) -> i64 {
    members.iter().filter_map(|member| told(member, identity)).map(|told| told.instances).sum()
}

/// One row for each cluster: name, heartbeat, ready, instances, users, why not.
pub(crate) fn rows(members: &[MemberCluster], identity: &str, now: Timestamp) -> Vec<Vec<String>> {
    let row = |member: &MemberCluster| {
        let told = told(member, identity).cloned().unwrap_or_else(|| MemberPlugin {
            reason: Some("NotSeenYet".to_owned()),
            ..MemberPlugin::default()
        });
        let why = match (told.reason, told.message) {
            (None, _) => String::new(),
            (Some(reason), None) => reason,
            (Some(reason), Some(message)) if message.starts_with(&*reason) => message,
            (Some(reason), Some(message)) => format!("{reason}: {message}"),
        };
        let ready = if told.ready { "yes" } else { "no" };
        let users = told.users.join(",");
        vec![
            member.name_any(),
            heartbeat(member, now),
            ready.to_owned(),
            told.instances.to_string(),
            users,
            why,
        ]
    };
    members.iter().map(row).collect()
}

/// Heads of [`rows`].
pub(crate) const HEADS: [&str; 6] = ["CLUSTER", "HEARTBEAT", "READY", "INSTANCES", "USERS", "WHY"];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn member(status: &Value) -> MemberCluster {
        serde_json::from_value(json!({
            "apiVersion": "sandbind.dev/v1alpha1", "kind": "MemberCluster", "metadata": {"name": "east"},
            "spec": {"cluster": "c"}, "status": status}))
        .unwrap()
    }

    #[test]
    fn a_cluster_that_has_not_spoken_for_long_is_called_silent() {
        let now = "2027-01-01T01:00:00Z".parse().unwrap();
        for (heartbeat, shown) in [
            (Value::Null, "never"),
            (json!("yesterday"), "never"),
            (json!("2027-01-01T00:59:48Z"), "12s ago"),
            (json!("2027-01-01T00:53:00Z"), "silent for 7m"),
        ] {
            let member = member(&json!({"heartbeat": heartbeat}));
            assert_eq!(super::heartbeat(&member, now), shown, "{heartbeat}");
        }
    }

    #[test]
    fn each_cluster_says_whether_a_version_is_ready_there_and_why_not() {
        let told = |ready: bool, reason: Value, message: Value| {
            member(
                &json!({"plugins": [{"identity": "pg@1.0.0", "ready": ready, "reason": reason, "message": message,
                "instances": 2, "users": ["shop/pr-1", "shop/pr-2"]}]}),
            )
        };
        let all = [
            told(true, Value::Null, Value::Null),
            told(false, json!("OwnPlugin"), json!("its own wins")),
            told(false, json!("ReferenceNotFound"), json!("ReferenceNotFound: spec.runner: no Secret")),
            member(&json!({})),
        ];
        let rows = rows(&all, "pg@1.0.0", Timestamp::UNIX_EPOCH);
        let shown: Vec<_> = rows.iter().map(|row| row[2..].join("|")).collect();
        assert_eq!(
            shown,
            [
                "yes|2|shop/pr-1,shop/pr-2|",
                "no|2|shop/pr-1,shop/pr-2|OwnPlugin: its own wins",
                "no|2|shop/pr-1,shop/pr-2|ReferenceNotFound: spec.runner: no Secret",
                "no|0||NotSeenYet",
            ]
        );
        assert_eq!((ready(&all, "pg@1.0.0").as_str(), instances(&all, "pg@1.0.0")), ("1/4", 6));
    }
}
