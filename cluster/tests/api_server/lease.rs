use std::time::Duration;

use sandbind_cluster::lease::{LeaseTimes, hold, release};
use tokio::sync::watch;

use crate::bed::{Bed, bed};

const TIMES: LeaseTimes = LeaseTimes { duration: Duration::from_secs(2), period: Duration::from_millis(200) };

/// Somebody who tries to hold the lease until it is dropped.
struct Holder {
    task: tokio::task::JoinHandle<()>,
    leads: watch::Receiver<bool>,
}

impl Holder {
    fn start(bed: &Bed, identity: &'static str) -> Self {
        let (sender, leads) = watch::channel(false);
        let (client, namespace) = (bed.client.clone(), bed.system.clone());
        let task = tokio::spawn(async move { hold(client, &namespace, identity, TIMES, &sender).await });
        Self { task, leads }
    }

    async fn comes_to_lead(&mut self) {
        let leads = self.leads.wait_for(|leads| *leads);
        tokio::time::timeout(Duration::from_secs(20), leads).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_leads_and_when_it_falls_silent_or_lets_go_the_other_one_does() {
    let bed = bed().await;
    let mut one = Holder::start(&bed, "one");
    one.comes_to_lead().await;
    let mut two = Holder::start(&bed, "two");
    // Falls silent: the other one waits for the lease to run out.
    one.task.abort();
    let silent = tokio::time::Instant::now();
    two.comes_to_lead().await;
    assert!(silent.elapsed() + TIMES.period * 2 >= TIMES.duration, "not before it has run out");
    // Comes back: the lease is taken.
    let mut one = Holder::start(&bed, "one");
    tokio::time::timeout(TIMES.duration, one.leads.wait_for(|leads| *leads)).await.unwrap_err();
    // Lets go: no waiting.
    two.task.abort();
    release(bed.client.clone(), &bed.system, "two").await.unwrap();
    let free = tokio::time::Instant::now();
    one.comes_to_lead().await;
    assert!(free.elapsed() < TIMES.duration, "a lease that was given up need not run out");
    release(bed.client.clone(), &bed.system, "nobody").await.unwrap();
    one.task.abort();
    bed.end().await;
}
