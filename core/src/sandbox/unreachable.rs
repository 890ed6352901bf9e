//! Pods that wait although what they wait for is there.

use jiff::{SignedDuration, Timestamp};

use super::{SeenPod, SeenSandbox, status::is_ready};
use crate::lifecycle::record::Record;

/// A sidecar asks as soon as it runs, and is answered as soon as its resources are ready. The rest of this is for slow nodes and for a
/// kubelet that has not said yet that the pod is open.
const GRACE: SignedDuration = SignedDuration::from_secs(60);

/// Which there are, and which there may be.
#[derive(Debug, Default)]
pub(super) struct Waiting<'a> {
    /// Pods whose sidecar should have come for its resources long ago: it may not reach the runner.
    pub(super) unreachable: Vec<&'a SeenPod>,
    /// When the next one is late, unless it comes.
    pub(super) again: Option<Timestamp>,
}

/// Looks at all pods of a sandbox.
pub(super) fn waiting<'a>(seen: &'a SeenSandbox<'_>) -> Waiting<'a> {
    let mut waiting = Waiting::default();
    for pod in seen.live().filter(|pod| pod.injected && !pod.open && !pod.deleting) {
        match late_from(pod, seen) {
            Some(late) if late <= seen.now => waiting.unreachable.push(pod),
            Some(late) => waiting.again = waiting.again.into_iter().chain([late]).min(),
            None => {}
        }
    }
    waiting
}

/// From when on its sidecar is late. None: there is something to wait for.
fn late_from(pod: &SeenPod, seen: &SeenSandbox<'_>) -> Option<Timestamp> {
    let ready_since = |incarnation: &String| -> Option<Timestamp> {
        let is_it = |record: &&Record| record.spec.incarnation == *incarnation;
        let record = seen.records.iter().map(|record| &**record).find(is_it)?;
        is_ready(record).then_some(record.status.since)
    };
    let mut since = pod.sidecar_since?;
    for incarnation in &pod.uses {
        since = since.max(ready_since(incarnation)?);
    }
    since.checked_add(GRACE).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{
        api::instance::Phase,
        sandbox::fixture::{Scene, at, pod},
    };

    /// A pod that waits for `db`, its sidecar running since then.
    fn waits(name: &str, sidecar_since: Option<i64>) -> SeenPod {
        let uses = vec!["incdb".to_owned()];
        SeenPod { gated: true, open: false, sidecar_since: sidecar_since.map(at), uses, ..pod(name) }
    }

    /// `db` has been in this phase since 10.
    fn found(phase: Phase, pods: Vec<SeenPod>, now: i64) -> (Vec<String>, Option<Timestamp>) {
        let mut scene = Scene::new().record("db", phase);
        (scene.pods, scene.now) = (pods, at(now));
        let seen = scene.seen();
        let waiting = waiting(&seen);
        (waiting.unreachable.iter().map(|pod| pod.name.clone()).collect(), waiting.again)
    }

    #[test]
    fn a_pod_is_late_a_minute_after_its_sidecar_began_and_its_resource_was_ready() {
        let nobody = (Vec::new(), None);
        for (what, phase, pod, now, expected) in [
            ("the sidecar began last", Phase::Ready, waits("a", Some(30)), 89, (vec![], Some(at(90)))),
            ("and is late", Phase::Ready, waits("a", Some(30)), 90, (vec!["a".to_owned()], None)),
            ("the resource came last", Phase::Ready, waits("a", Some(0)), 69, (vec![], Some(at(70)))),
            ("and the pod is late", Phase::Ready, waits("a", Some(0)), 70, (vec!["a".to_owned()], None)),
            ("the resource is being made", Phase::Creating, waits("a", Some(0)), 900, nobody.clone()),
            ("its sidecar does not run", Phase::Ready, waits("a", None), 900, nobody.clone()),
            ("open", Phase::Ready, SeenPod { open: true, ..waits("a", Some(0)) }, 900, nobody.clone()),
            ("going", Phase::Ready, SeenPod { deleting: true, ..waits("a", Some(0)) }, 900, nobody.clone()),
            ("ended", Phase::Ready, SeenPod { finished: true, ..waits("a", Some(0)) }, 900, nobody.clone()),
        ] {
            assert_eq!(found(phase, vec![pod], now), expected, "{what}");
        }
    }

    #[test]
    fn a_pod_that_uses_what_has_no_record_waits_for_that() {
        let other = SeenPod { uses: vec!["incdb".into(), "incother".into()], ..waits("a", Some(0)) };
        assert_eq!(found(Phase::Ready, vec![other], 900), (Vec::new(), None));
    }

    #[test]
    fn the_next_one_that_may_be_late_is_looked_at_in_time() {
        let pods = vec![waits("a", Some(0)), waits("b", Some(50)), waits("c", Some(40))];
        assert_eq!(found(Phase::Ready, pods, 80), (vec!["a".to_owned()], Some(at(100))));
    }
}
