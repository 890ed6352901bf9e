use std::sync::Arc;

use sandbind_kit::tls::{Certificates, not_after};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn lifetimes() -> Lifetimes {
    Lifetimes {
        authority: Duration::from_secs(180),
        leaf: Duration::from_secs(60),
        lead: Duration::from_secs(10),
    }
}

fn stored(kept: &Kept) -> Kept {
    let data = kept.data().unwrap().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Kept::read(&Secret { data: Some(data), ..Secret::default() }).unwrap()
}

#[test]
fn an_empty_secret_is_filled_in_one_write_and_then_left_alone() {
    assert!(Kept::read(&Secret::default()).is_none());
    let mut kept = Kept::default();
    assert!(advance(&mut kept, "sys", &lifetimes(), at(0)).unwrap());
    let mut again = stored(&kept);
    assert_eq!(again.state(), kept.state());
    assert!(!advance(&mut again, "sys", &lifetimes(), at(1)).unwrap());
    let certificates = Certificates::new();
    let pair = again.webhook().unwrap();
    assert!(certificates.replace(&pair.chain, &pair.key).unwrap());
    assert_eq!(certificates.not_after(), Some(at(60).as_second()));
}

#[test]
fn leaves_are_verified_by_the_bundle_of_their_time_through_rotations() {
    let mut kept = Kept::default();
    let (mut leaves, mut authorities) =
        (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for now in 0..900 {
        // A verifier that learnt the bundle a lead ago, and a server that learns of new leaves at once.
        advance(&mut kept, "sys", &lifetimes(), at(now)).unwrap();
        kept = stored(&kept);
        let leaf = kept.leaves.as_ref().unwrap();
        leaves.insert(leaf.webhook.chain.clone());
        authorities.insert(leaf.span.authority.clone());
        if now % 20 == 0 {
            let chain = pem(&leaf.runner.chain);
            let roots: Vec<_> = kept.authorities.iter().map(|one| pem(one.certificate.as_bytes())).collect();
            verify(&chain, &roots, "sandbind-plugin-runner.sys.svc", at(now));
            assert!(not_after(&chain).unwrap() > at(now).as_second());
        }
    }
    assert!(leaves.len() > 20 && authorities.len() > 5, "{} {}", leaves.len(), authorities.len());
}

fn pem(text: &[u8]) -> rustls_pki_types::CertificateDer<'static> {
    rustls_pki_types::pem::PemObject::from_pem_slice(text).unwrap()
}

fn verify(
    leaf: &rustls_pki_types::CertificateDer<'_>,
    roots: &[rustls_pki_types::CertificateDer<'static>],
    name: &str,
    now: Timestamp,
) {
    use rustls::client::danger::ServerCertVerifier as _;
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
        Arc::new(store),
        sandbind_kit::tls::provider(),
    );
    let now =
        rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now.as_second().cast_unsigned()));
    let name = rustls_pki_types::ServerName::try_from(name).unwrap();
    verifier.build().unwrap().verify_server_cert(leaf, &[], &name, &[], now).unwrap();
}
