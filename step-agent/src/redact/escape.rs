//! A value as it stands in a URL, in hexadecimal digits, and within JSON text.

/// What stays as it is beside letters and digits, by who writes the URL: RFC 3986's unreserved characters, the same within a path,
/// JavaScript's `encodeURIComponent`, HTML forms.
const KEPT: &[&[u8]] = &[b"-._~", b"-._~/", b"-._~!'()*", b"-._*"];
const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// All forms that differ from the value itself; some may be alike.
pub(super) fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![hex(value, LOWER), hex(value, UPPER), json(value)];
    for (kept, digits) in KEPT.iter().flat_map(|kept| [(kept, LOWER), (kept, UPPER)]) {
        let encoded = percent(value, kept, digits);
        // Forms, and many a library, write a blank as a plus sign.
        forms.push(replace(&encoded, b"%20", b'+'));
        forms.push(encoded);
    }
    forms.retain(|form| form != value);
    forms
}

fn digits(byte: u8, digits: &[u8; 16]) -> impl Iterator<Item = u8> {
    [byte >> 4, byte & 15].into_iter().filter_map(|half| digits.get(usize::from(half)).copied())
}

fn hex(value: &[u8], alphabet: &[u8; 16]) -> Vec<u8> {
    value.iter().flat_map(|byte| digits(*byte, alphabet)).collect()
}

fn percent(value: &[u8], kept: &[u8], alphabet: &[u8; 16]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(value.len() * 2);
    for byte in value {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            encoded.push(*byte);
        } else {
            encoded.push(b'%');
            encoded.extend(digits(*byte, alphabet));
        }
    }
    encoded
}

/// Within the quotes of a JSON string, as the most common writers have it.
fn json(value: &[u8]) -> Vec<u8> {
    let text = serde_json::Value::from(String::from_utf8_lossy(value)).to_string().into_bytes();
    text.get(1..text.len().saturating_sub(1)).unwrap_or_default().to_vec()
}

fn replace(text: &[u8], what: &[u8], by: u8) -> Vec<u8> {
    let mut rest = text;
    let mut replaced = Vec::with_capacity(text.len());
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(what) {
            replaced.push(by);
            rest = after;
        } else {
            replaced.push(*first);
            rest = after;
        }
    }
    replaced
}
