use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::*;

fn redactor(values: &[&[u8]]) -> Redactor {
    let mut redactor = Redactor::default();
    for value in values {
        redactor.add(value);
    }
    redactor
}

#[test]
fn values_are_masked_wherever_they_stand() {
    let cases: &[(&[&[u8]], &str, &str)] = &[
        (&[b"hunter22"], "pw=hunter22;", "pw=[redacted];"),
        (&[b"hunter22"], "hunter22hunter22", "[redacted]"),
        (&[b"hunter22\n"], "it is hunter22.", "it is [redacted]."),
        (&[b"hunter"], "hunte", "hunte"),
        (&[b"abc"], "abc is short", "abc is short"),
        (&[b"    \n"], "a    b", "a    b"),
        (&[b"one-line\nsecond-line\n"], "second-line\none-line", "[redacted]\n[redacted]"),
        (&[b"abcdef", b"defghi"], "xabcdefghix", "x[redacted]x"),
        (&[b"abcd", b"abcdef"], "abcdef!", "[redacted]!"),
    ];
    for (values, text, expected) in cases {
        assert_eq!(redactor(values).log(text.as_bytes(), false), *expected, "{text}");
    }
}

#[test]
fn base64_forms_are_masked_at_each_alignment() {
    let secret = b"s3cr3t-p4ssw\xffrd/with+signs";
    let redactor = redactor(&[secret]);
    for prefix in ["", "u", "us", "user:"] {
        for suffix in ["", "\n", ", and more"] {
            let text = [prefix.as_bytes(), secret, suffix.as_bytes()].concat();
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                let shown = redactor.log(encoded.as_bytes(), false);
                assert!(shown.contains(MASK), "{prefix:?} {suffix:?}: {shown}");
            }
        }
    }
}

#[test]
fn forms_within_urls_hexadecimal_and_json_are_masked() {
    let secret = b"p@ss w\"rd/100%+(x)";
    for text in [
        "postgres://me:p%40ss%20w%22rd%2F100%25%2B%28x%29@db/app",
        "postgres://me:p%40ss%20w%22rd%2f100%25%2b%28x%29@db/app",
        "https://h/p%40ss%20w%22rd/100%25%2B%28x%29",
        "encodeURIComponent: p%40ss%20w%22rd%2F100%25%2B(x)",
        "form: a=b&pw=p%40ss+w%22rd%2F100%25%2B%28x%29&c=d",
        "{\"password\": \"p@ss w\\\"rd/100%+(x)\"}",
        "bytes: 70407373207722 7264 is cut, 7040737320772272642f313030252b287829 is not",
        "bytes: 7040737320772272642F313030252B287829",
    ] {
        let shown = redactor(&[secret]).log(text.as_bytes(), false);
        assert!(shown.contains(MASK), "{text}: {shown}");
    }
}

#[test]
fn the_base64_command_wraps_lines_and_they_are_masked_all_the_same() {
    let secret: Vec<u8> = (0..200u32).map(|n| u8::try_from(33 + (n * 7 + n / 5) % 90).unwrap()).collect();
    let wrapped: Vec<String> = STANDARD
        .encode(&secret)
        .as_bytes()
        .chunks(76)
        .map(|l| String::from_utf8_lossy(l).into_owned())
        .collect();
    let shown = redactor(&[&secret]).log(wrapped.join("\n").as_bytes(), false);
    for line in &wrapped {
        assert!(!shown.contains(line.get(..20).unwrap()), "{shown}");
    }
}

#[test]
fn a_secret_cut_in_two_at_the_front_of_the_kept_part_is_left_out() {
    let shown = redactor(&[b"a-long-secret"])
        .log(b"ong-secret, the forms of which are longer, and then the rest of the log", true);
    assert!(!shown.contains("secret") && shown.ends_with("rest of the log"), "{shown}");
}

#[test]
fn logs_and_lines_are_bounded() {
    let redactor = Redactor::default();
    let log = redactor.log("€".repeat(LOG_LIMIT).as_bytes(), false);
    assert!(log.len() <= LOG_LIMIT && log.len() > LOG_LIMIT - 4);
    assert!(redactor.log(&vec![0xff; LOG_LIMIT], false).len() <= LOG_LIMIT);
    assert_eq!(last_line(&log).chars().count(), LINE_LIMIT);
    assert_eq!(last_line("first\n  \u{1b}[31mred\u{7}  \n \n\t\n"), "[31mred");
    assert_eq!(last_line(""), "");
}

#[test]
fn many_values_over_a_long_log_stay_fast() {
    let values: Vec<String> = (0..20_000).map(|n| format!("value-{n:09}")).collect();
    let mut redactor = Redactor::default();
    for value in &values {
        redactor.add(value.as_bytes());
    }
    let shown = redactor.log(values.join(" ").as_bytes(), false);
    assert!(!shown.contains("value-"));
}
