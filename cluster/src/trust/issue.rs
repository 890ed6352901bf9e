//! Making certificates.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use sandbind_core::trust::Span;
use sandbind_wire::name;

use super::{
    Pair,
    store::{Authority, Leaves},
};

/// Certificates hold from a little before they are made: clocks differ.
const SKEW: Duration = Duration::from_secs(300);

/// An authority that signs itself and nothing but leaves.
pub(super) fn authority(id: String, lifetime: Duration, now: Timestamp) -> Result<Authority, Error> {
    let span = Span { authority: id, since: now, until: now + lifetime };
    let key = KeyPair::generate()?;
    let certificate = authority_params(&span).self_signed(&key)?;
    Ok(Authority { certificate: certificate.pem(), key: key.serialize_pem(), span })
}

/// New certificates for both servers; none outlives its authority.
pub(super) fn leaves(
    signer: &Authority,
    namespace: &str,
    lifetime: Duration,
    now: Timestamp,
) -> Result<Leaves, Error> {
    let until = (now + lifetime).min(signer.span.until);
    let span = Span { authority: signer.span.authority.clone(), since: now, until };
    let issuer = Issuer::new(authority_params(&signer.span), KeyPair::from_pem(&signer.key)?);
    let leaf = |service: &str| {
        let key = KeyPair::generate()?;
        let certificate = leaf_params(service, namespace, &span)?.signed_by(&key, &issuer)?;
        Ok::<_, Error>(Pair { chain: certificate.pem().into_bytes(), key: key.serialize_pem().into_bytes() })
    };
    Ok(Leaves { webhook: leaf(name::WEBHOOK_SERVICE)?, runner: leaf(name::RUNNER_SERVICE)?, span })
}

/// The same for the same span: a signer is put together again from it and its key.
fn authority_params(span: &Span) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(&format!("sandbind {}", span.authority));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    dated(params, span)
}

fn leaf_params(service: &str, namespace: &str, span: &Span) -> Result<CertificateParams, Error> {
    let short = format!("{service}.{namespace}.svc");
    let mut params = CertificateParams::new(vec![short.clone(), format!("{short}.cluster.local")])?;
    // At most 64 characters; names are verified by the alternative names alone.
    params.distinguished_name = common_name(service);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(dated(params, span))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn dated(mut params: CertificateParams, span: &Span) -> CertificateParams {
    let at = |time: Timestamp| {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = at(span.since) - SKEW;
    params.not_after = at(span.until);
    params
}
