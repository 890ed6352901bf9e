//! A run at work: its world, the driver, and the agents' place, until it ends.

use std::sync::{Arc, Mutex};

use sandbind_core::lifecycle::{effect::Notice, observed::Timers, record::Record};
use sandbind_engine::{
    admission::ports::Unwatched,
    desk::{Desk, Patience},
    drive::{Driver, Hints, Settings, hints},
    ports::Records as _,
    trace::Untraced,
};
use sandbind_wire::message::StepResult;
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, unbounded_channel},
        oneshot, watch,
    },
    task::JoinHandle,
};

use crate::{
    callers::LocalCallers,
    catalog::LocalCatalog,
    clock::LocalClock,
    delivery::LocalDelivery,
    enclosure::Scripts,
    look::{Look, Looks},
    process::{self, Attempt, Executor, Kill},
    records::LocalRecords,
    runs::{Run, StoreError},
    steps::LocalSteps,
    users::Users,
    values::LocalValues,
    world::{LocalNotices, LocalWorld},
};

/// How a session works.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where scripts are run.
    pub scripts: Scripts,
    /// The timers.
    pub timers: Timers,
    /// Whether the folders of attempts stay.
    pub keep: bool,
    /// Whether each script that succeeds is run once more.
    pub twice: bool,
    /// A step to kill.
    pub kill: Option<Kill>,
}

/// A run at work.
#[derive(Debug)]
pub struct Session {
    /// Its ports.
    pub world: Arc<LocalWorld>,
    /// Attempts that ended.
    pub attempts: UnboundedReceiver<Attempt>,
    /// What people are told, with the resource it is about.
    pub notices: UnboundedReceiver<(String, Notice)>,
    hints: Hints,
    looks: Looks,
    end: oneshot::Sender<()>,
    driving: JoinHandle<()>,
    playing: JoinHandle<()>,
}

impl Session {
    /// Begins to drive a run's records. Must be called within a runtime.
    pub fn begin(run: &Run, options: Options) -> Result<Self, StoreError> {
        let (hints, hinted) = hints();
        let (launched, launches) = unbounded_channel();
        let (told, attempts) = unbounded_channel();
        let (tell, notices) = unbounded_channel();
        let store = run.store.clone();
        let steps = Arc::new(LocalSteps::load(store.clone(), hints.clone(), launched)?);
        let users = Arc::new(Users::new(hints.clone()));
        let world = Arc::new(LocalWorld {
            records: LocalRecords::load(store.clone(), hints.clone())?,
            values: LocalValues::new(store),
            catalog: LocalCatalog::new(&run.meta.stack),
            callers: LocalCallers {
                users: users.clone(),
                steps: steps.clone(),
                namespace: run.meta.stack.namespace.clone(),
            },
            steps: steps.clone(),
            users,
            delivery: LocalDelivery::new(run.delivered()),
            notices: LocalNotices(tell),
            clock: LocalClock::default(),
            installation: Mutex::default(),
            untraced: Untraced,
            unwatched: Unwatched,
        });
        let settings = Settings { timers: options.timers, ..Settings::default() };
        let (end, ended) = oneshot::channel::<()>();
        let (_leads, leading) = watch::channel(true);
        let driver = Driver::new(world.clone(), settings, hinted);
        let driving = tokio::spawn(driver.run(leading, async {
            let _dropped = ended.await;
        }));
        let desk = Desk::new(world.clone(), hints.clone(), Patience::default());
        let executor = Executor {
            scripts: options.scripts.clone(),
            folder: run.steps(),
            env: run.meta.env.clone(),
            keep: options.keep,
            twice: options.twice,
            kill: options.kill,
            told,
        };
        let looks = Looks { scripts: options.scripts, folder: run.steps(), env: run.meta.env.clone() };
        let playing = tokio::spawn(process::play(executor, desk, steps, launches));
        Ok(Self { world, attempts, notices, hints, looks, end, driving, playing })
    }

    /// A desk for callers that come by other ways.
    pub fn desk(&self) -> Desk<LocalWorld> {
        Desk::new(self.world.clone(), self.hints.clone(), Patience::default())
    }

    /// Looks at all records again now.
    pub fn wake(&self) {
        for record in self.world.records.hint_all() {
            self.hints.wake(&record.name);
        }
    }

    /// Runs a script that looks at a resource, as one of its steps would run. None: this process broke.
    pub async fn look(&self, look: Look<'_>) -> Option<StepResult> {
        self.looks.run(look).await
    }

    /// Changes its value with every change of any record.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.world.records.changes()
    }

    /// The records as they stand.
    pub fn records(&self) -> Vec<Arc<Record>> {
        self.world.records.hint_all()
    }

    /// Stops driving. What is not removed yet stays for whoever takes the run over.
    pub async fn end(self) {
        let Self { world, end, driving, playing, hints, .. } = self;
        let _gone = end.send(());
        let _ended = driving.await;
        playing.abort();
        let _aborted = playing.await;
        drop((world, hints));
    }
}
