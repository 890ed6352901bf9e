//! All ports of this machine.

use std::sync::{Arc, Mutex, PoisonError};

use sandbind_core::{
    inject::Installation,
    lifecycle::{effect::Notice, record::Record},
};
use sandbind_engine::{
    admission::ports::Unwatched,
    ports::{Notices, World},
    trace::Untraced,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    callers::LocalCallers, catalog::LocalCatalog, clock::LocalClock, delivery::LocalDelivery,
    records::LocalRecords, steps::LocalSteps, users::Users, values::LocalValues,
};

/// The ports of one run.
#[derive(Debug)]
pub struct LocalWorld {
    pub(crate) records: LocalRecords,
    pub(crate) values: LocalValues,
    pub(crate) catalog: LocalCatalog,
    pub(crate) steps: Arc<LocalSteps>,
    pub(crate) users: Arc<Users>,
    pub(crate) delivery: LocalDelivery,
    pub(crate) notices: LocalNotices,
    pub(crate) clock: LocalClock,
    pub(crate) callers: LocalCallers,
    pub(crate) installation: Mutex<Arc<Installation>>,
    pub(crate) untraced: Untraced,
    pub(crate) unwatched: Unwatched,
}

/// What people are told: who asked hears it, as record's resource name and notice.
#[derive(Debug)]
pub struct LocalNotices(pub(crate) UnboundedSender<(String, Notice)>);

impl Notices for LocalNotices {
    async fn announce(&self, record: &Record, notice: &Notice) {
        let _nobody = self.0.send((record.spec.key.resource.clone(), notice.clone()));
    }
}

impl LocalWorld {
    /// Who uses the resources.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Moves the wall clock on: what is due in that time is due now.
    pub fn clock_ahead(&self, time: std::time::Duration) {
        self.clock.skip(time);
    }

    /// What every injected pod is told from now on.
    pub fn install(&self, installation: Installation) {
        *self.installation.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(installation);
    }
}

impl World for LocalWorld {
    type Records = LocalRecords;
    type Values = LocalValues;
    type Catalog = LocalCatalog;
    type Steps = LocalSteps;
    type Usage = Users;
    type Delivery = LocalDelivery;
    type Notices = LocalNotices;
    type Clock = LocalClock;
    type Identify = LocalCallers;
    type Pods = LocalCallers;
    type Tracer = Untraced;

    fn records(&self) -> &LocalRecords {
        &self.records
    }
    fn values(&self) -> &LocalValues {
        &self.values
    }
    fn catalog(&self) -> &LocalCatalog {
        &self.catalog
    }
    fn steps(&self) -> &LocalSteps {
        &self.steps
    }
    fn usage(&self) -> &Users {
        &self.users
    }
    fn delivery(&self) -> &LocalDelivery {
        &self.delivery
    }
    fn notices(&self) -> &LocalNotices {
        &self.notices
    }
    fn clock(&self) -> &LocalClock {
        &self.clock
    }
    fn identify(&self) -> &LocalCallers {
        &self.callers
    }
    fn pods(&self) -> &LocalCallers {
        &self.callers
    }
    fn tracer(&self) -> &Untraced {
        &self.untraced
    }
}
