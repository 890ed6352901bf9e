//! An answer taken apart into its parts.

/// The four parts of a problem as it is printed: `Code: place: reason (way out)`.
#[derive(Debug, PartialEq)]
pub struct Parts {
    pub code: String,
    pub place: String,
    pub reason: String,
    pub way_out: String,
}

/// The problem with this code and place among those of an answer.
pub fn find(answer: &str, code: &str, place: &str) -> Result<Parts, String> {
    let (_, words) =
        answer.split_once("denied the request: ").ok_or("not an answer of one of sandbind's webhooks")?;
    let begin = words.find(&format!("{code}: ")).ok_or_else(|| format!("no code `{code}`"))?;
    let rest = &words[begin + code.len() + 2..];
    let rest = rest
        .strip_prefix(place)
        .and_then(|rest| rest.strip_prefix(": "))
        .ok_or_else(|| format!("`{code}` is not at `{place}`"))?;
    let (reason, way_out) = split(rest).ok_or("no way out in parentheses at the end")?;
    if reason.trim().len() < 10 || way_out.trim().len() < 5 {
        return Err(format!("a reason and a way out are sentences: `{reason}` (`{way_out}`)"));
    }
    Ok(Parts { code: code.into(), place: place.into(), reason: reason.into(), way_out: way_out.into() })
}

/// Reason and way out of the first problem: the way out is the last pair of parentheses before the next problem or the end.
fn split(text: &str) -> Option<(&str, &str)> {
    let line = text.trim_end();
    let end = line
        .match_indices(')')
        .map(|(at, _)| at)
        .find(|at| line[at + 1..].is_empty() || is_next_problem(&line[at + 1..]))?;
    let mut depth = 0;
    let begin = line[..=end].char_indices().rev().find(|(_, c)| {
        depth += match c {
            ')' => 1,
            '(' => -1,
            _ => 0,
        };
        depth == 0
    })?;
    Some((line[..begin.0].trim_end(), &line[begin.0 + 1..end]))
}

/// Whether this begins with `; Code: `.
fn is_next_problem(text: &str) -> bool {
    let code = text.strip_prefix("; ").and_then(|rest| rest.split_once(": ")).map(|(code, _)| code);
    code.is_some_and(|code| {
        code.starts_with(|c: char| c.is_ascii_uppercase()) && code.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

#[test]
fn answers_are_taken_apart_whatever_parentheses_they_hold() {
    let answer = "Error from server (Forbidden): admission webhook \"x\" denied the request: BadName: spec.name: `a(b)` is none (choose \
                  another (shorter) name); NoBinding: Namespace a: there is none (one) (make one)\n";
    let parts = find(answer, "BadName", "spec.name").unwrap();
    assert_eq!(
        (parts.reason.as_str(), parts.way_out.as_str()),
        ("`a(b)` is none", "choose another (shorter) name")
    );
    let parts = find(answer, "NoBinding", "Namespace a").unwrap();
    assert_eq!((parts.reason.as_str(), parts.way_out.as_str()), ("there is none (one)", "make one"));
    assert!(find(answer, "BadName", "spec").is_err());
    assert!(find("connection refused", "BadName", "spec").is_err());
}
