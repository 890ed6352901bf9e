//! Views that are never older than the request, read once for all who came before the read began.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sandbind_core::binding::View;
use tokio::{sync::oneshot, time::timeout};

use super::ports::{Surroundings, Views as _, Watcher as _};
use crate::ports::PortError;

/// Why there is no view.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoView {
    /// There is no such namespace.
    #[error("the namespace does not exist")]
    NoNamespace,
    /// The read failed.
    #[error("the live objects cannot be read")]
    Failed(#[source] Arc<PortError>),
    /// The read took too long, and the caches are not complete.
    #[error("reading the live objects took too long")]
    TooLong,
}

type Answered = Result<Arc<View>, NoView>;
/// Namespace and sandbox.
type Place = (String, String);
/// For each place that is being read: who came after that read began.
type Flights = Mutex<BTreeMap<Place, Vec<oneshot::Sender<Answered>>>>;

/// One quorum read at a time per namespace and sandbox. Whoever comes while one is under way waits for the next: the one under way may
/// have passed what the newcomer must see.
#[derive(Debug)]
pub struct Fresh<W> {
    world: Arc<W>,
    patience: Duration,
    flights: Arc<Flights>,
}

impl<W: Surroundings> Fresh<W> {
    /// Caches answer alone after this much patience.
    pub fn new(world: Arc<W>, patience: Duration) -> Self {
        Self { world, patience, flights: Arc::default() }
    }

    /// The live objects, no older than this call, or as of the caches when reading takes longer than the patience.
    pub async fn view(&self, namespace: &str, sandbox: &str) -> Answered {
        let (sender, receiver) = oneshot::channel();
        let place = (namespace.to_owned(), sandbox.to_owned());
        self.board(place, sender);
        if let Ok(Ok(answered)) = timeout(self.patience, receiver).await {
            return answered;
        }
        self.world.watcher().fell_back();
        self.world.views().cached(namespace, sandbox).map(Arc::new).ok_or(NoView::TooLong)
    }

    fn board(&self, place: Place, passenger: oneshot::Sender<Answered>) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = flights.get_mut(&place) {
            waiting.push(passenger);
            return;
        }
        flights.insert(place.clone(), Vec::new());
        tokio::spawn(fly(Arc::clone(&self.world), Arc::clone(&self.flights), place, vec![passenger]));
    }
}

async fn fly<W: Surroundings>(
    world: Arc<W>,
    flights: Arc<Flights>,
    place: Place,
    mut passengers: Vec<oneshot::Sender<Answered>>,
) {
    loop {
        let answered = match world.views().fresh(&place.0, &place.1).await {
            Ok(Some(view)) => Ok(Arc::new(view)),
            Ok(None) => Err(NoView::NoNamespace),
            Err(error) => Err(NoView::Failed(Arc::new(error))),
        };
        for passenger in passengers.drain(..) {
            // Whoever has given up does not listen any more.
            let _gone = passenger.send(answered.clone());
        }
        let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = flights.get_mut(&place).map(std::mem::take).unwrap_or_default();
        passengers.extend(waiting.into_iter().filter(|passenger| !passenger.is_closed()));
        if passengers.is_empty() {
            flights.remove(&place);
            return;
        }
    }
}

#[cfg(test)]
mod tests;
