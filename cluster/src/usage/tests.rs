use kube::api::ObjectMeta;
use sandbind_core::api::SandboxSpec;

use super::*;

fn key(scope: Option<&str>) -> InstanceKey {
    InstanceKey {
        namespace: "shop".into(),
        namespace_uid: "u1".into(),
        sandbox: "pr-1".into(),
        resource: "db".into(),
        scope: scope.map(Into::into),
    }
}

fn sandbox(lifetime: Lifetime, prepare: &[&str]) -> Sandbox {
    let prepare = prepare.iter().map(|name| (*name).to_owned()).collect();
    Sandbox::new("pr-1", SandboxSpec { lifetime, prepare, ..SandboxSpec::default() })
}

#[test]
fn a_sandbox_keeps_what_it_is_for_and_what_it_prepares() {
    use Lifetime::{Explicit, WhileUsed};
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let cases = [
        (sandbox(Explicit, &[]), None, true),
        (sandbox(WhileUsed, &[]), None, false),
        (sandbox(WhileUsed, &["db"]), None, true),
        (sandbox(WhileUsed, &["*"]), None, true),
        (sandbox(WhileUsed, &["queue"]), None, false),
        (sandbox(Explicit, &["*"]), Some("owner-uid"), false),
    ];
    for (number, (sandbox, scope, kept)) in cases.into_iter().enumerate() {
        assert_eq!(kept_by(&sandbox, &key(scope), now).is_some(), kept, "case {number}");
        let going = Sandbox {
            metadata: ObjectMeta {
                deletion_timestamp: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now)),
                ..ObjectMeta::default()
            },
            ..sandbox
        };
        assert_eq!(kept_by(&going, &key(scope), now), None, "case {number}, going");
    }
}

#[test]
fn a_hold_keeps_everything_of_the_sandbox_until_its_time() {
    let mut held = sandbox(Lifetime::WhileUsed, &[]);
    let until: Timestamp = "2026-01-01T02:00:00Z".parse().unwrap();
    held.metadata.annotations = Some([(name::ANNOTATION_HOLD.to_owned(), until.to_string())].into());
    let kept = |now: &str| kept_by(&held, &key(Some("owner-uid")), now.parse().unwrap());
    assert_eq!(kept("2026-01-01T01:59:59Z"), Some(Evidence::Hold { until }));
    assert_eq!(kept("2026-01-01T02:00:00Z"), None);
}
