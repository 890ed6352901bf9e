use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

struct Pair {
    chain: String,
    key: String,
}

fn pair(end: (i32, u8, u8)) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["server.test".to_owned()]).unwrap();
    params.not_after = date_time_ymd(end.0, end.1, end.2);
    Pair { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

#[test]
fn the_end_of_the_shown_certificate_is_known() {
    let certificates = Certificates::new();
    assert_eq!(certificates.not_after(), None);
    for (end, seconds) in [((2030, 2, 3), 1_896_307_200), ((2060, 1, 1), 2_840_140_800)] {
        let pair = pair(end);
        assert!(certificates.replace(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap());
        assert_eq!(certificates.not_after(), Some(seconds));
    }
}

#[test]
fn the_same_pair_again_is_no_change() {
    let certificates = Certificates::new();
    let pair = pair((2030, 1, 1));
    assert!(certificates.replace(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap());
    assert!(!certificates.replace(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap());
}

#[test]
fn a_pair_that_does_not_load_or_match_is_refused_and_the_old_one_stays() {
    let certificates = Certificates::new();
    let (good, other) = (pair((2030, 1, 1)), pair((2031, 1, 1)));
    certificates.replace(good.chain.as_bytes(), good.key.as_bytes()).unwrap();
    let before = certificates.not_after();
    let half = &other.chain[..other.chain.len() / 2];
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (chain, key) in [
        ("", other.key.as_str()),
        (half, &other.key),
        (junk, &other.key),
        (&other.chain, ""),
        (&other.chain, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        (&other.chain, &good.key),
    ] {
        assert!(certificates.replace(chain.as_bytes(), key.as_bytes()).is_err(), "{chain} {key}");
        assert_eq!(certificates.not_after(), before);
    }
}
