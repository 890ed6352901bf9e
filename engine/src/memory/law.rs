//! What the API server refuses of a write of a record: the rules of the CRD, as far as the engine could break them.

use sandbind_core::{
    api::instance::{Phase, ResourceInstanceStatus, Work},
    lifecycle::record::Record,
};

/// Why this status may not follow, if so.
pub(super) fn broken(record: &Record, next: &ResourceInstanceStatus) -> Option<String> {
    let old = &record.status;
    let edge = matches!(
        (old.phase, next.phase),
        (Phase::Creating, Phase::Ready | Phase::Undoing | Phase::Deleting)
            | (Phase::Ready, Phase::Deleting)
            | (Phase::Undoing, Phase::Failed)
            | (Phase::Failed, Phase::Creating)
    ) || old.phase == next.phase;
    if !edge {
        return Some(format!("{:?} may not become {:?}", old.phase, next.phase));
    }
    if next.fence < old.fence || next.round < old.round || next.revision < old.revision {
        return Some("round, fence and revision may not fall".to_owned());
    }
    if (next.round > old.round) != ((old.phase, next.phase) == (Phase::Failed, Phase::Creating)) {
        return Some("a round begins with Failed → Creating and only so".to_owned());
    }
    if !old.wanted.is_subset(&next.wanted) {
        return Some("what was promised may not be taken back".to_owned());
    }
    if next.round > old.round {
        return None;
    }
    for step in &old.steps {
        let kept = next.steps.iter().find(|kept| (kept.work, &kept.name) == (step.work, &step.name));
        match kept {
            None => return Some(format!("step {} disappeared", step.name)),
            Some(kept) if kept.attempt < step.attempt => {
                return Some(format!("the attempts of step {} fell", step.name));
            }
            Some(kept) if step.claimed && !kept.claimed => {
                return Some(format!("step {} was claimed and is not any more", step.name));
            }
            Some(kept)
                if kept.attempt == step.attempt && takes_over(step.claim.as_ref(), kept.claim.as_ref()) =>
            {
                return Some(format!("the claim of step {} passed to somebody else", step.name));
            }
            Some(_) => {}
        }
    }
    let may_act = |work| next.steps.iter().any(|step| step.work == work && step.claim.is_some());
    if may_act(Work::Delete) && (may_act(Work::Create) || may_act(Work::Refresh)) {
        return Some("a delete step is claimed while a create or refresh step is".to_owned());
    }
    None
}

fn takes_over<T: PartialEq>(old: Option<&T>, new: Option<&T>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old != new)
}
