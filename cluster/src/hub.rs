//! Takes plugins from a hub: the leading runner asks, outbound only, keeps copies, and writes what its cluster makes of them.
//!
//! What is to be done is decided in `sandbind_core::hub`. A hub that does not answer changes nothing here.

mod member;
mod secret;
mod sync;

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;

use crate::watch::Watches;

/// What became of the last ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The hub did what it was asked for.
    Answered,
    /// It did not, or there is no usable way to it.
    Failed,
    /// There is no hub.
    NoHub,
}

/// Follow the hub that the Secret `sandbind-hub` names, for as long as the future is polled and `leading` says so. A Secret that
/// changes or goes takes effect at once; when it is gone, nothing more is written to the hub, and the copies stay.
pub async fn keep(
    client: Client,
    watches: Arc<Watches>,
    mut leading: watch::Receiver<bool>,
    told: impl Fn(Asked) + Sync,
) {
    let (found, mut ways) = watch::channel(None);
    let follow = secret::follow(&client, watches.system_namespace(), &found);
    let work = async {
        loop {
            if leading.wait_for(|leading| *leading).await.is_err() {
                return;
            }
            watches.synced().await;
            let way = ways.borrow_and_update().clone();
            let work = async {
                match &way {
                    None => told(Asked::NoHub),
                    Some(way) => sync::run(&client, &watches, way, &told).await,
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = work => {}
                changed = ways.changed() => if changed.is_err() { return },
                ended = leading.wait_for(|leading| !leading) => if ended.is_err() { return },
            }
        }
    };
    tokio::join!(follow, Box::pin(work));
}
