//! How many admissions may be held at once. A held admission holds a worker of the controller that makes the pod, and with it every
//! other workload of that controller.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// Users whose every request comes from the one queue of a controller.
const CONTROLLERS: &[&str] = &["system:serviceaccount:kube-system:", "system:kube-controller-manager"];

/// The places for held admissions of one replica.
#[derive(Debug)]
pub struct Holds {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    count: usize,
    controllers: BTreeSet<String>,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub struct Hold {
    holds: Arc<Holds>,
    controller: Option<String>,
}

impl Holds {
    /// At most this many at once.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// A place for a request of this user: none when all are taken, or when the user is a controller that has one already.
    pub fn take(self: &Arc<Self>, user: &str) -> Option<Hold> {
        let controller = CONTROLLERS.iter().any(|prefix| user.starts_with(prefix)).then(|| user.to_owned());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.count >= self.most
            || controller.as_ref().is_some_and(|user| taken.controllers.contains(user))
        {
            return None;
        }
        taken.count += 1;
        taken.controllers.extend(controller.clone());
        Some(Hold { holds: Arc::clone(self), controller })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut taken = self.holds.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.count = taken.count.saturating_sub(1);
        if let Some(user) = &self.controller {
            taken.controllers.remove(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLICA_SETS: &str = "system:serviceaccount:kube-system:replicaset-controller";
    const JOBS: &str = "system:serviceaccount:kube-system:job-controller";

    #[test]
    fn a_controller_of_the_control_plane_is_held_once() {
        let holds = Holds::new(50);
        let first = holds.take(REPLICA_SETS);
        assert!(first.is_some());
        assert!(holds.take(REPLICA_SETS).is_none());
        assert!(holds.take(JOBS).is_some(), "another controller has a worker of its own");
        drop(first);
        assert!(holds.take(REPLICA_SETS).is_some());
    }

    #[test]
    fn people_and_other_programs_share_the_places() {
        let holds = Holds::new(3);
        let places: Vec<_> = (0..4).map(|_| holds.take("jane")).collect();
        assert_eq!(places.iter().flatten().count(), 3);
        drop(places);
        assert!(holds.take("jane").is_some());
    }
}
