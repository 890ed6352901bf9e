//! One admission from beginning to end.

use std::{sync::Arc, time::Duration};

use futures::future;
use jiff::SignedDuration;
use json_patch::PatchOperation;
use sandbind_core::{
    api::{
        binding::Scope,
        instance::{InstanceKey, Owner, Reservation},
    },
    binding::{self, Selected, Selection, View, Wanted},
    identity,
    inject::{self, Granted},
    lifecycle::reserve::{self, ReserveRequest, Standing},
    problem::Problem,
};
use serde_json::Value;
use tokio::sync::watch;

use super::{
    fresh::{Fresh, NoView},
    hold::Holds,
    ids,
    owner::{self, Tops},
    patience::Patience,
    ports::Surroundings,
    reserve::Wish,
    wait::Waiting,
};
use crate::ports::{Clock as _, Records as _, chain};

/// An id of a life that is none, of the same form as real ones.
const PLACEHOLDER: &str = "dryrundryrundryr";

/// The API server calls again, after other webhooks, within one request, which takes at most 30 s.
const REINVOKED: SignedDuration = SignedDuration::from_secs(30);

/// What one replica allows itself.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Admissions held at once.
    pub held: usize,
    /// How long a quorum read of the live objects may take before the caches answer alone.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { held: 50, patience: Duration::from_secs(1) }
    }
}

/// A labelled pod that is being made.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The namespace of the request; the pod itself may name none yet.
    pub namespace: String,
    /// The object as sent.
    pub object: Value,
    /// Who makes it: only a key to bound waiting by, never an authority.
    pub user: String,
    /// Whether nothing may be written.
    pub dry_run: bool,
    /// Time until the answer must be out.
    pub budget: Duration,
}

/// What becomes of the pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It may run with this patch.
    Bound {
        /// The patch, to be applied to the object as sent; empty when that is as it should be.
        patch: Vec<PatchOperation>,
        /// Whether any resource was not ready.
        gated: bool,
    },
    /// It may run as it is: no binding selects it, and its namespace lets such pods run.
    Unbound,
    /// It may run as it is: it carries no sandbox label.
    Unlabelled,
    /// It may not run.
    Denied(Denial),
}

/// Why a pod may not run.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// Everything that stands against it, at least one.
    pub problems: Vec<Problem>,
    /// The top owner, whose controller tries again (ever more rarely).
    pub owner: Option<Owner>,
}

/// The admissions of one replica.
#[derive(Debug)]
pub struct Admissions<W: Surroundings> {
    world: Arc<W>,
    fresh: Fresh<W>,
    waiting: Waiting<W>,
    holds: Arc<Holds>,
    tops: Tops,
    draining: watch::Sender<bool>,
}

impl<W: Surroundings> Admissions<W> {
    /// In these surroundings.
    pub fn new(world: Arc<W>, limits: Limits) -> Self {
        Self {
            fresh: Fresh::new(Arc::clone(&world), limits.patience),
            waiting: Waiting::new(Arc::clone(&world)),
            holds: Holds::new(limits.held),
            tops: Tops::default(),
            draining: watch::Sender::new(false),
            world,
        }
    }

    /// From now on nobody is held, and who is held is answered: this program ends.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// The live objects around a namespace and one of its sandboxes, no older than this call, or as of the caches when reading takes too
    /// long.
    pub async fn view(&self, namespace: &str, sandbox: &str) -> Result<Arc<View>, NoView> {
        self.fresh.view(namespace, sandbox).await
    }

    /// Decides on a pod.
    pub async fn admit(&self, pod: &Pod) -> Verdict {
        let read = match inject::Pod::read(&pod.object) {
            Ok(read) => read,
            Err(problem) => return Verdict::Denied(Denial { problems: vec![*problem], owner: None }),
        };
        let Some(sandbox) = read.sandbox() else { return Verdict::Unlabelled };
        self.decide(pod, &read, sandbox).await.unwrap_or_else(Verdict::Denied)
    }

    async fn decide(&self, pod: &Pod, read: &inject::Pod<'_>, sandbox: &str) -> Result<Verdict, Denial> {
        let patience = Patience::new(
            Arc::clone(&self.world),
            Arc::clone(&self.holds),
            pod.user.clone(),
            self.draining.subscribe(),
            pod.budget,
        );
        let anonymous = |problems| Denial { problems, owner: None };
        let view = self.fresh.view(&pod.namespace, sandbox).await;
        let view = view.map_err(|error| anonymous(vec![no_view(&pod.namespace, &error)]))?;
        let selected = match binding::select(&view, read.labels(), sandbox).map_err(anonymous)? {
            Selection::Bound(selected) => selected,
            Selection::Unbound => return Ok(Verdict::Unbound),
        };
        // What stands against the pod itself is found before anything is made for it.
        let shape = inject::check(&selected, read).map_err(anonymous)?;
        let owner = self.owner(pod, &selected).await.map_err(|problem| anonymous(vec![problem]))?;
        let asked = Asked { pod, read, view: &view, selected: &selected, owner: owner.as_ref() };
        let granted = self.granted(&asked, &patience).await;
        drop(patience);
        let granted = granted.map_err(|problems| Denial { problems, owner: owner.clone() })?;
        let installation = self.world.installation();
        let injection = inject::plan(&selected, read, &shape, &granted, &view.bounds, &installation);
        let gated = granted.iter().any(|one| one.gated);
        Ok(Verdict::Bound { patch: inject::patch(read, injection), gated })
    }

    async fn granted(&self, asked: &Asked<'_>, patience: &Patience<W>) -> Result<Vec<Granted>, Vec<Problem>> {
        if asked.pod.dry_run {
            return self.pretend(asked);
        }
        match self.kept(asked).await {
            Some(kept) => Ok(kept),
            None => self.grant(asked, patience).await,
        }
    }

    /// The top owner. Where a resource belongs to it, it must be known for certain.
    async fn owner(&self, pod: &Pod, selected: &Selected) -> Result<Option<Owner>, Problem> {
        match self.tops.of(self.world.owners(), &pod.namespace, &pod.object).await {
            Ok(owner) => Ok(owner),
            Err(_) if selected.resources.iter().all(|one| one.scope != Scope::Workload) => Ok(None),
            Err(error) => Err(Problem::error(
                "OwnerUnknown",
                "metadata.ownerReferences",
                format!("the pod's top owner cannot be read: {}", chain(&error)),
                "try again; a controller does so by itself",
            )),
        }
    }

    /// Takes hold of every resource, all at once.
    async fn grant(&self, asked: &Asked<'_>, patience: &Patience<W>) -> Result<Vec<Granted>, Vec<Problem>> {
        let id = identity::reservation(ids::draw(self.world.clock()));
        let at = self.world.clock().now();
        let holds = asked.selected.resources.iter().map(async |wanted| {
            let wish = Arc::new(asked.wish(wanted, Reservation { id: id.clone(), at }));
            let holding = self.waiting.settle(&wish, patience).await?;
            Ok(Granted {
                resource: wanted.name.clone(),
                instance: holding.record.name.clone(),
                incarnation: holding.record.spec.incarnation.clone(),
                reservation: id.clone(),
                gated: holding.gated,
            })
        });
        future::try_join_all(holds).await
    }

    /// What an earlier injection gave this very pod (not one it was copied from), if every hold of it is an open one of the live record.
    async fn kept(&self, asked: &Asked<'_>) -> Option<Vec<Granted>> {
        let existing = asked.read.existing().filter(|existing| existing.made_for == asked.read.origin())?;
        let resources = &existing.resources;
        let kept = asked.selected.resources.iter().map(async |wanted| {
            let had = resources.iter().find(|had| had.name == wanted.name)?;
            // What the pod says of itself is compared before it is looked for: anybody may have written it.
            if had.instance != identity::instance_name(&asked.key(wanted, &had.reservation)) {
                return None;
            }
            let record = self.world.records().read(&had.instance).await.ok().flatten()?;
            let now = self.world.clock().now();
            // A hold that is older is of another call: of a pod that was made, seen, and made again under its name, say.
            let is_it =
                |hold: &&Reservation| hold.id == had.reservation && now.duration_since(hold.at) < REINVOKED;
            record
                .status
                .reservations
                .iter()
                .find(is_it)
                .filter(|_| record.spec.incarnation == had.incarnation)?;
            let granted = Granted::from(had);
            match reserve::standing(&record, &wanted.keys, now) {
                Standing::Ready => Some(granted),
                Standing::Creating { .. } => Some(Granted { gated: true, ..granted }),
                Standing::Failed(_) | Standing::Going { .. } => None,
            }
        });
        future::join_all(kept).await.into_iter().collect()
    }

    /// What a dry run says: nothing is written, so ids are placeholders; bad news is as it would be.
    fn pretend(&self, asked: &Asked<'_>) -> Result<Vec<Granted>, Vec<Problem>> {
        let now = self.world.clock().now();
        let pretend = asked.selected.resources.iter().map(|wanted| {
            let name = identity::instance_name(&asked.key(wanted, PLACEHOLDER));
            let record = self.world.records().hint(&name);
            let gated = match record.map(|record| reserve::standing(&record, &wanted.keys, now)) {
                Some(Standing::Ready) => false,
                Some(Standing::Failed(problem)) => return Err(vec![*problem]),
                Some(Standing::Creating { .. } | Standing::Going { .. }) => true,
                None => {
                    let problems = wanted.refuse_new(asked.view, &asked.selected.sandbox, &asked.workload());
                    if problems.iter().any(Problem::is_error) {
                        return Err(problems);
                    }
                    true
                }
            };
            Ok(Granted {
                resource: wanted.name.clone(),
                instance: name,
                incarnation: PLACEHOLDER.to_owned(),
                reservation: PLACEHOLDER.to_owned(),
                gated,
            })
        });
        pretend.collect()
    }
}

/// An admission after selection.
struct Asked<'a> {
    pod: &'a Pod,
    read: &'a inject::Pod<'a>,
    view: &'a Arc<View>,
    selected: &'a Selected,
    owner: Option<&'a Owner>,
}

impl Asked<'_> {
    fn workload(&self) -> String {
        owner::workload(self.owner, &self.pod.object)
    }

    fn key(&self, wanted: &Wanted, reservation: &str) -> InstanceKey {
        let namespace = &self.selected.namespace;
        let scope = match (wanted.scope, self.owner) {
            (Scope::Sandbox, _) => None,
            (Scope::Workload, Some(owner)) => Some(owner.uid.clone()),
            // A pod without an owner is a workload of its own.
            (Scope::Workload, None) | (Scope::Pod, _) => Some(reservation.to_owned()),
        };
        InstanceKey {
            namespace: namespace.name.clone(),
            namespace_uid: namespace.uid.clone(),
            sandbox: self.selected.sandbox.clone(),
            resource: wanted.name.clone(),
            scope,
        }
    }

    fn wish(&self, wanted: &Wanted, reservation: Reservation) -> Wish {
        Wish {
            key: self.key(wanted, &reservation.id),
            workload: (wanted.scope != Scope::Sandbox).then(|| self.workload()),
            request: ReserveRequest {
                reservation,
                wanted: wanted.keys.clone(),
                owner: self.owner.cloned(),
                linger_seconds: wanted.linger.as_secs(),
            },
            owner_name: self.workload(),
            wanted: Arc::new(wanted.clone()),
            view: Arc::clone(self.view),
        }
    }
}

fn no_view(namespace: &str, error: &NoView) -> Problem {
    let place = format!("Namespace {namespace}");
    match error {
        NoView::NoNamespace => {
            Problem::error("NamespaceUnknown", place, error.to_string(), "make the namespace first")
        }
        NoView::Failed(_) | NoView::TooLong => Problem::error(
            "ViewUnavailable",
            place,
            chain(error),
            "try again; a controller does so by itself",
        ),
    }
}

#[cfg(test)]
mod tests;
