//! Hold first, then look: the way of most pods, whose resources are there and Ready.
//!
//! A pod is decided on by objects no older than its admission. An API server answers a listing of "now" only when it has heard from
//! etcd how new its own cache is, which it asks ten times a second: a pod after another one waits for up to 100 ms. A listing of a given
//! revision waits for nothing. The hold on a resource is a write, and its revision is newer than the admission: so where the caches
//! say that every resource is there and Ready, the holds come first, and the objects of that revision decide. If they say otherwise
//! than the caches did, the admission goes on as any other, and a hold that was in vain is over with the reservation window, as that of
//! a pod that was refused after its admission. Nothing is ever made here.

use std::sync::Arc;

use futures::future;
use sandbind_core::{
    api::instance::Reservation,
    binding::View,
    identity, inject,
    lifecycle::reserve::{self, ReserveRequest, Standing},
};

use super::{Admissions, Asked, Fits, Pod};
use crate::{
    admission::{
        ports::{Surroundings, Views as _},
        reserve::Wish,
        wait::Holding,
    },
    ports::{Clock as _, Records as _},
};

/// Holds that were taken before the look.
pub(super) struct Early {
    /// The view of the caches.
    pub(super) view: Arc<View>,
    /// What it makes of the pod.
    pub(super) fits: Fits,
    /// The holds.
    pub(super) held: Vec<Held>,
    /// A revision of the store that is newer than the admission.
    pub(super) revision: String,
}

/// A hold on a Ready resource.
pub(super) struct Held {
    /// The resource.
    pub(super) holding: Holding,
    request: ReserveRequest,
}

impl Held {
    /// Whether it is what the wish asks for, in every respect.
    pub(super) fn is_for(&self, wish: &Wish) -> bool {
        self.holding.record.spec.key == wish.key && self.request == wish.request
    }
}

impl<W: Surroundings> Admissions<W> {
    /// Takes hold of everything if the caches say that all of it is Ready, and it turns out to be.
    pub(super) async fn early(
        &self,
        pod: &Pod,
        read: &inject::Pod<'_>,
        sandbox: &str,
        hold: &Reservation,
    ) -> Option<Early> {
        // A pod that was injected before has its holds.
        if pod.dry_run || read.existing().is_some() {
            return None;
        }
        let view = Arc::new(self.world.views().cached(&pod.namespace, sandbox)?);
        let fits = self.fits(&view, pod, read, sandbox).await.ok()??;
        let Fits { selected, owner, .. } = &fits;
        let asked = Asked { pod, read, view: &view, selected, owner: owner.as_ref(), hold };
        let wishes: Vec<_> = selected.resources.iter().map(|wanted| Arc::new(asked.wish(wanted))).collect();
        let now = self.world.clock().now();
        let ready = wishes.iter().all(|wish| {
            let record = self.world.records().hint(&identity::instance_name(&wish.key));
            record.is_some_and(|record| {
                reserve::standing(&record, &wish.request.wanted, now) == Standing::Ready
            })
        });
        if !ready {
            return None;
        }
        let holds = wishes.iter().map(|wish| self.waiting.hold_ready(wish));
        let holdings: Option<Vec<Holding>> = future::join_all(holds).await.into_iter().collect();
        let holdings = holdings?;
        let revision = holdings.first()?.record.version.clone();
        let held = holdings.into_iter().zip(&wishes);
        let held = held.map(|(holding, wish)| Held { holding, request: wish.request.clone() }).collect();
        Some(Early { view, fits, held, revision })
    }
}
