//! What an admission asks of the world besides the records.

use std::{future::Future, sync::Arc, time::Duration};

use sandbind_core::{api::instance::Owner, binding::View, inject::Installation};

use crate::{
    ports::{Answer, Clock, Records},
    trace::Tracer,
};

/// The live objects around a namespace and one of its sandboxes. [`View::counts`] may be left empty: the admission counts records itself.
pub trait Views: Send + Sync {
    /// By reads that begin after this call. `None`: there is no such namespace.
    fn fresh(&self, namespace: &str, sandbox: &str) -> impl Future<Output = Answer<Option<View>>> + Send;
    /// As of the caches; `None` when they do not know the namespace or are not complete yet.
    fn cached(&self, namespace: &str, sandbox: &str) -> Option<View>;
}

/// Owners of pods.
pub trait Owners: Send + Sync {
    /// The controller of this object of a namespace. `None`: it has none, or is no more, or another object has taken its name.
    fn controller(
        &self,
        namespace: &str,
        object: &Owner,
    ) -> impl Future<Output = Answer<Option<Owner>>> + Send;
}

/// Sees what admissions do, for metrics.
pub trait Watcher: Send + Sync {
    /// A view came from the caches because the quorum read took too long.
    fn fell_back(&self);
    /// One more (`true`) or one fewer admission is held.
    fn held(&self, more: bool);
    /// A held admission was held for this long.
    fn waited(&self, time: Duration);
    /// One write carried this many reservations.
    fn reserved(&self, reservations: usize);
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn fell_back(&self) {}
    fn held(&self, _more: bool) {}
    fn waited(&self, _time: Duration) {}
    fn reserved(&self, _reservations: usize) {}
}

/// All ports of admissions.
pub trait Surroundings: Send + Sync + 'static {
    /// The records.
    type Records: Records;
    /// The live objects.
    type Views: Views;
    /// Owners of pods.
    type Owners: Owners;
    /// Time and chance.
    type Clock: Clock;
    /// Observer of write points.
    type Tracer: Tracer;
    /// Observer of admissions.
    type Watcher: Watcher;

    /// What every injected pod is told: the image, the runner's address and its CA bundle, as of now.
    fn installation(&self) -> Arc<Installation>;
    /// The records.
    fn records(&self) -> &Self::Records;
    /// The live objects.
    fn views(&self) -> &Self::Views;
    /// Owners of pods.
    fn owners(&self) -> &Self::Owners;
    /// Time and chance.
    fn clock(&self) -> &Self::Clock;
    /// Observer of write points.
    fn tracer(&self) -> &Self::Tracer;
    /// Observer of admissions.
    fn watcher(&self) -> &Self::Watcher;
}
