//! The plugins of `examples/` that use a server, each on a real one: what its page says works, and nothing is left behind.
//!
//! `cargo xtask test` runs it with `sandbind`, the servers and their clients in `PATH`, and an API server's
//! kubeconfig in `SANDBIND_TEST_KUBECONFIG`.

mod example;
mod helm;
mod kubernetes;
mod mariadb;
mod nats;
mod postgres;
mod rabbitmq;
mod redis;
mod s3;
mod server;

use std::collections::BTreeSet;

use sandbind_tests::pages;

#[test]
fn every_page_about_a_server_is_followed() {
    let followed = BTreeSet::from([
        helm::NAME,
        kubernetes::NAME,
        mariadb::NAME,
        nats::NAME,
        rabbitmq::NAME,
        redis::NAME,
        s3::NAME,
    ]);
    let pages: BTreeSet<&str> = pages::WITH_SERVERS.iter().copied().collect();
    assert_eq!(followed.into_iter().map(example::page).collect::<Vec<_>>(), Vec::from_iter(pages));
}
