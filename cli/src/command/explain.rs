//! `sandbind explain`: what a code means in general.

use std::fmt::Write as _;

use crate::{
    args::ExplainArgs,
    exit::{Failure, Outcome},
    output::Shell,
    reference::codes::{self, Entry},
};

/// How many codes that look alike are offered.
const ALIKE: usize = 3;

/// One code, or all of them in one line each.
pub(crate) fn run(args: &ExplainArgs, shell: &Shell) -> Outcome {
    let Some(code) = &args.code else {
        let all: Vec<Entry> = codes::all().collect();
        return shell.show(&all, || {
            all.iter().fold(String::new(), |mut text, entry| {
                let _infallible = writeln!(text, "{:24} {}", entry.code, entry.meaning);
                text
            })
        });
    };
    let found = codes::find(code);
    if found.is_empty() {
        let alike = alike(code).join("`, `");
        let way_out = format!("codes that look like it: `{alike}`; `sandbind explain` lists all");
        return Err(Failure::usage("UnknownCode", "", format!("there is no code `{code}`"), way_out));
    }
    shell.show(&found, || found.iter().map(page).collect::<Vec<_>>().join("\n"))
}

fn page(entry: &Entry) -> String {
    let Entry { code, subject, about, meaning, way_out } = entry;
    format!("{code} ({subject})\n  means:   {meaning}\n  way out: {way_out}\n{about}\n")
}

/// The codes that need the fewest changes to become this one.
fn alike(code: &str) -> Vec<&'static str> {
    let mut all: Vec<(usize, &str)> =
        codes::all().map(|entry| (distance(code, entry.code), entry.code)).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().take(ALIKE).map(|(_, code)| code).collect()
}

/// How many characters are to be put in, taken out or changed (Levenshtein), whatever their case.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, from) in one.to_lowercase().chars().take(100).enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        let mut next = vec![left];
        for (to, up) in other.iter().zip(row.iter().skip(1)) {
            left = (up + 1).min(left + 1).min(diagonal + usize::from(from != *to));
            diagonal = *up;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_written_a_little_wrong_is_found() {
        for (written, meant) in
            [("unknownfield", "UnknownField"), ("UnknownFeild", "UnknownField"), ("NotRedy", "NotReady")]
        {
            assert_eq!(alike(written).first(), Some(&meant), "{written}");
        }
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("A", "a")), (3, 3, 0));
    }

    #[test]
    fn every_code_has_its_page() {
        assert!(codes::all().count() > 100);
        for entry in codes::all() {
            assert!(page(&entry).contains(entry.meaning), "{}", entry.code);
        }
    }
}
