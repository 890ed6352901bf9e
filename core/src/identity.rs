//! Names that are functions of identities: deterministic, collision-free, safe where they are used.

use sha2::{Digest, Sha256};

use crate::api::instance::{InstanceKey, Work};

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// `length` characters of `[a-z2-7]` from SHA-256 over the length-prefixed parts; 5 bits each, at most 51.
pub fn hash(parts: &[&str], length: usize) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    base32(&hasher.finalize(), length)
}

/// `length` characters of `[a-z2-7]` from the first bits of `bytes`.
pub fn base32(bytes: &[u8], length: usize) -> String {
    let bit = |index: usize| bytes.get(index / 8).map_or(0, |byte| byte >> (7 - index % 8) & 1);
    (0..length)
        .map(|at| (0..5).fold(0usize, |value, offset| value << 1 | usize::from(bit(at * 5 + offset))))
        .filter_map(|value| ALPHABET.get(value).map(|byte| char::from(*byte)))
        .collect()
}

/// The text in lower case with everything outside `[a-z0-9]` turned into single hyphens, none at the ends, at most
/// `length` characters; empty when nothing is left.
pub fn slug(text: &str, length: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() >= length {
            break;
        }
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// `slug-hash`, beginning with a letter, at most `length` characters with the hyphen.
fn slug_hash(text: &str, parts: &[&str], hash_length: usize, length: usize) -> String {
    let head = slug(text, length.saturating_sub(hash_length + 1));
    let tail = hash(parts, hash_length);
    match head.chars().next() {
        Some(c) if c.is_ascii_alphabetic() => format!("{head}-{tail}"),
        Some(_) => format!("s{}-{tail}", head.get(1..).unwrap_or_default()),
        None => format!("s-{tail}"),
    }
}

/// An incarnation id: 16 characters `[a-z2-7]` from 10 random bytes.
pub fn incarnation(random: [u8; 10]) -> String {
    base32(&random, 16)
}

/// A reservation id: 16 characters `[a-z2-7]` from 10 random bytes.
pub fn reservation(random: [u8; 10]) -> String {
    base32(&random, 16)
}

/// The record's name: readable head, then 80 bits of the key. A DNS label of at most 63 characters.
pub fn instance_name(key: &InstanceKey) -> String {
    let scope = key.scope.as_deref();
    let scoped = if scope.is_some() { "1" } else { "0" };
    let parts = [&*key.namespace_uid, &*key.sandbox, &*key.resource, scope.unwrap_or_default(), scoped];
    slug_hash(&format!("{}-{}", key.sandbox, key.resource), &parts, 16, 63)
}

/// `SANDBIND_NAME`: unique, DNS-safe, at most 40 characters, the same in create, refresh and delete of one round.
pub fn external_name(sandbox: &str, incarnation: &str, round: u32) -> String {
    slug_hash(sandbox, &["name", incarnation, &round.to_string()], 12, 40)
}

/// `SIGNADOT_SANDBOX_NAME`: published plugins take it for unique in the organisation. At most 30 characters: the label cut, `-`, 8 of
/// `[a-z2-7]`; the label's case is kept.
pub fn published_sandbox_name(sandbox: &str, incarnation: &str, round: u32) -> String {
    let head: String = sandbox.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(21).collect();
    let head = head.trim_matches('-');
    let head = if head.starts_with(|c: char| c.is_ascii_alphabetic()) {
        head.to_owned()
    } else {
        format!("s{}", head.get(1..).unwrap_or_default())
    };
    format!("{}-{}", head.trim_end_matches('-'), hash(&["published", incarnation, &round.to_string()], 8))
}

/// `SIGNADOT_SANDBOX_ID`: 13 characters of `[a-z0-9]`.
pub fn published_sandbox_id(incarnation: &str, round: u32) -> String {
    hash(&["id", incarnation, &round.to_string()], 13)
}

/// The routing key where the Sandbox sets none: 13 characters of `[a-z0-9]`.
pub fn routing_key(namespace_uid: &str, sandbox: &str) -> String {
    hash(&["routing", namespace_uid, sandbox], 13)
}

/// The name of a step pod: one per attempt, known before it is made. At most 63 characters.
pub fn step_pod(incarnation: &str, work: Work, round: u32, step: &str, attempt: u32) -> String {
    let letter = work.as_str().get(..1).unwrap_or("x");
    let tail = hash(&[work.as_str(), step], 4);
    format!("sb-{incarnation}-{letter}{round}-{}-{tail}-{attempt}", slug(step, 14)).replace("--", "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sandbox: &str, scope: Option<&str>) -> InstanceKey {
        InstanceKey {
            namespace: "shop".into(),
            namespace_uid: "u1".into(),
            sandbox: sandbox.into(),
            resource: "db".into(),
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn instance_names_are_dns_labels_and_differ_with_every_part_of_the_key() {
        let names = [
            key("pr-1", None),
            key("pr-2", None),
            key("pr-1", Some("")),
            key("pr-1", Some("x")),
            key(&"9".repeat(63), None),
        ]
        .map(|key| instance_name(&key));
        for name in &names {
            assert!(
                name.len() <= 63
                    && name.starts_with(|c: char| c.is_ascii_lowercase())
                    && !name.contains("--"),
                "{name}"
            );
        }
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        let other_namespace = InstanceKey { namespace_uid: "u2".into(), ..key("pr-1", None) };
        assert_ne!(instance_name(&other_namespace), names[0]);
    }

    #[test]
    fn outside_names_change_with_incarnation_and_round_only() {
        let name = external_name("PR.142_x", "abc", 1);
        assert_eq!(name, external_name("PR.142_x", "abc", 1));
        assert_ne!(name, external_name("PR.142_x", "abc", 2));
        assert_ne!(name, external_name("PR.142_x", "abd", 1));
        assert!(name.starts_with("pr-142-x-") && name.len() <= 40);
        let published = published_sandbox_name(&"a".repeat(63), "abc", 1);
        assert_eq!(published.len(), 30);
        assert_eq!(published_sandbox_id("abc", 1).len(), 13);
    }

    #[test]
    fn step_pod_names_fit_a_label_and_keep_case_apart() {
        let one =
            step_pod("abcdefghijklmnop", Work::Create, 4_000_000_000, &"Provision".repeat(3), 4_000_000_000);
        assert!(one.len() <= 63, "{one}");
        assert_ne!(step_pod("i", Work::Create, 1, "a", 1), step_pod("i", Work::Create, 1, "A", 1));
    }
}
