//! Requests and limits of the sidecar.

use serde_json::{Value, json};

use super::pod::{List, Pod, array};
use crate::binding::bounds::{Bound, Bounds, milli};

const MIB: u64 = 1 << 20;

/// Request and limit, in thousandths of a core or in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    request: u64,
    limit: u64,
}

/// The sidecar's `resources`. Both are always set, or a quota would refuse the pod. A Guaranteed pod stays so; otherwise the
/// requests are small and the limits generous: a tiny CPU limit makes a start of milliseconds one of seconds.
pub(super) fn sidecar(pod: &Pod<'_>, bounds: &Bounds) -> Value {
    let guaranteed = is_guaranteed(pod);
    let cpu = fit(Pair { request: 5, limit: 100 }, &bounds.cpu, guaranteed);
    let memory = fit(Pair { request: 12 * MIB, limit: 32 * MIB }, &bounds.memory, guaranteed);
    let memory_text = |bytes: u64| {
        if bytes.is_multiple_of(MIB) { format!("{}Mi", bytes / MIB) } else { bytes.to_string() }
    };
    json!({
        "requests": {"cpu": format!("{}m", cpu.request), "memory": memory_text(memory.request)},
        "limits": {"cpu": format!("{}m", cpu.limit), "memory": memory_text(memory.limit)},
    })
}

fn fit(wanted: Pair, bound: &Bound, guaranteed: bool) -> Pair {
    let least = bound.min.unwrap_or_default();
    let most = bound.max.unwrap_or(u64::MAX).max(least);
    let limit = wanted.limit.clamp(least, most);
    let request = if guaranteed { limit } else { wanted.request.clamp(least, limit) };
    let by_ratio =
        bound.ratio.filter(|ratio| *ratio > 0).map(|ratio| limit.saturating_mul(1000).div_ceil(ratio));
    Pair { request: request.max(by_ratio.unwrap_or_default()).min(limit), limit }
}

/// Whether every container has limits on CPU and memory, and requests that equal them.
fn is_guaranteed(pod: &Pod<'_>) -> bool {
    let full = |container: &Value| {
        ["cpu", "memory"].iter().all(|what| {
            let quantity = |kind: &str| {
                let quantity = container.get("resources")?.get(kind)?.get(what)?;
                match quantity {
                    Value::String(text) => milli(text),
                    Value::Number(number) => milli(&number.to_string()),
                    _ => None,
                }
            };
            let limit = quantity("limits");
            limit.is_some_and(|limit| limit > 0)
                && quantity("requests").is_none_or(|request| Some(request) == limit)
        })
    };
    [List::Init, List::Main].iter().all(|list| array(pod.spec(), list.field()).iter().all(full))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(container: &Value, bounds: &Bounds) -> Value {
        let pod = json!({"spec": {"containers": [container]}});
        sidecar(&Pod::read(&pod).unwrap(), bounds)
    }

    #[test]
    fn requests_are_small_unless_the_pod_is_guaranteed() {
        let small =
            json!({"requests": {"cpu": "5m", "memory": "12Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}});
        let full = json!({"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}});
        for (container, expected) in [
            (json!({"name": "a"}), &small),
            (json!({"name": "a", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}), &full),
            (
                json!({"name": "a", "resources": {"limits": {"cpu": 1, "memory": "1Gi"},
                    "requests": {"cpu": "1000m", "memory": "1024Mi"}}}),
                &full,
            ),
            (
                json!({"name": "a", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1m"}}}),
                &small,
            ),
            (json!({"name": "a", "resources": {"limits": {"memory": "1Gi"}}}), &small),
        ] {
            assert_eq!(&resources(&container, &Bounds::default()), expected, "{container}");
        }
    }

    #[test]
    fn limit_ranges_are_kept() {
        let plain = json!({"name": "a"});
        let cpu = |min, max, ratio| Bounds { cpu: Bound { min, max, ratio }, ..Bounds::default() };
        for (bounds, request, limit) in [
            (cpu(Some(20), None, None), "20m", "100m"),
            (cpu(Some(200), None, None), "200m", "200m"),
            (cpu(None, Some(50), None), "5m", "50m"),
            (cpu(None, Some(2), None), "2m", "2m"),
            (cpu(None, None, Some(4000)), "25m", "100m"),
            (cpu(None, None, Some(1000)), "100m", "100m"),
        ] {
            let found = resources(&plain, &bounds);
            assert_eq!(
                (&found["requests"]["cpu"], &found["limits"]["cpu"]),
                (&json!(request), &json!(limit)),
                "{bounds:?}"
            );
        }
    }
}
