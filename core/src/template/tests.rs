use proptest::prelude::*;
use serde_json::json;

use super::{embed::resolve, quote::quote, *};
use crate::{
    problem::{MOST_PROBLEMS, Problem},
    source::TextMap,
    yaml::{self, DEEPEST, Document, LARGEST, LONGEST_TEXT},
};

fn folder(files: &[(&str, &str)]) -> Folder {
    Folder(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
}

fn expanded(text: &str, set: &[&str], files: &[(&str, &str)]) -> Document {
    let document = yaml::read_first(text, "dir/p.yaml").unwrap();
    let (variables, mut used) = (Variables::parse(set).unwrap(), Used::default());
    let mut document = expand(&document, &variables, Reading::Published, &mut folder(files), &mut used);
    document.problems.extend(variables.unused(&used));
    document
}

/// `file:line:column-column` of the first occurrence of `needle` in the string at a path.
fn written(document: &Document, path: &str, needle: &str) -> String {
    let pointer = format!("/{}", path.replace('.', "/"));
    let value = document.value.pointer(&pointer).and_then(|value| value.as_str()).unwrap();
    let at = value.find(needle).unwrap();
    let location = document.sources.locate(document.text_map(path).unwrap().span(at..at + needle.len()));
    format!("{location}-{}", location.end_column)
}

#[test]
fn every_byte_of_an_expanded_string_leads_back_to_where_it_was_written() {
    let text = "a: |\n  one @{v} two\n  @{embed: s/x.sh}\n  three @@{v}\nb: '@{embed[yaml]: y.yaml}'\nc: \"@{v[yaml]}\"\n";
    let document =
        expanded(text, &["v={k: word}"], &[("s/x.sh", "#!/bin/sh\nécho\n"), ("y.yaml", "k:\n- |\n  deep\n")]);
    assert_eq!(document.value["a"], json!("one {k: word} two\n#!/bin/sh\nécho\n\nthree @{k: word}\n"));
    for (path, needle, place) in [
        ("a", "one", "dir/p.yaml:2:3-6"),
        ("a", "word", "dir/p.yaml:2:7-11"),
        ("a", "two", "dir/p.yaml:2:12-15"),
        ("a", "bin", "dir/s/x.sh:1:4-7"),
        ("a", "cho", "dir/s/x.sh:2:2-5"),
        ("a", "three", "dir/p.yaml:4:3-8"),
    ] {
        assert_eq!(written(&document, path, needle), place, "{needle}");
    }
    let deep = document.text_map("b.k[0]").unwrap();
    assert_eq!(document.sources.locate(deep.span(0..4)).to_string(), "dir/y.yaml:3:3");
    assert_eq!(document.mark("b.k"), "dir/y.yaml:1:1");
    assert_eq!(document.mark("c.k"), "dir/p.yaml:6:5", "the value of a variable stands where it is put in");
    assert_eq!(document.mark("c"), "dir/p.yaml:6:1");
}

#[test]
fn defaults_and_escapes_have_places_of_their_own() {
    let document = yaml::read_first("a: x @{v:-some default} @@{y}\n", "f").unwrap();
    let document =
        expand(&document, &Variables::default(), Reading::Strict, &mut NoFiles, &mut Used::default());
    assert_eq!(document.value, json!({"a": "x some default @{y}"}));
    assert_eq!(written(&document, "a", "default"), "f:1:16-23");
    assert_eq!(written(&document, "a", "@"), "f:1:25-27");
    assert_eq!(written(&document, "a", "{y}"), "f:1:27-30");
}

#[test]
fn every_problem_is_told_at_once_each_at_its_placeholder() {
    let text = "a: |\n  x @{$x}\n  @{w} @{w}\nb: ['@{foo: x}', \"\\u0040{embed: gone}\", '@{embed[yaml]: bad.yaml}', 'x@{v[yaml]}']\n";
    let document = expanded(text, &["v=1"], &[("bad.yaml", "k: v\nl: [\n")]);
    let told: Vec<String> = document.problems.iter().map(|p| format!("{} {}", p.code, p.place)).collect();
    assert_eq!(
        told,
        [
            "BadVariable dir/p.yaml:2:5",
            "UnknownOperation dir/p.yaml:4:6",
            "CannotEmbed dir/p.yaml:4:19",
            "BadYaml dir/bad.yaml:2:4",
            "BadEncoding dir/p.yaml:4:71",
            "UnsetVariable dir/p.yaml:3:3"
        ]
    );
    assert!(document.problems[5].reason.ends_with("also at 3:8"), "{}", document.problems[5]);
    assert!(document.is_failed("a") && document.is_failed("b[0]") && !document.is_failed("b"));
    assert_eq!(document.value["a"], json!("x @{$x}\n@{w} @{w}\n"), "what cannot be replaced stays");
}

#[test]
fn what_an_alias_repeats_is_said_once() {
    let document = expanded("a: &a '@{$x} @@{v}'\nb: *a\nc: [*a, *a]\n", &["v=1"], &[]);
    let codes: Vec<_> = document.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["BadVariable", "NoEscape"]);
    let document = expanded("a: &a ['@{w}']\nb: *a\n", &[], &[]);
    assert_eq!(document.problems[0].reason, "unexpanded variable: w");
}

#[test]
fn a_variable_that_nothing_takes_is_told_unless_its_placeholder_may_be_the_unreadable_one() {
    let codes = |text: &str| -> Vec<String> {
        expanded(text, &["v=1"], &[]).problems.into_iter().map(|problem| problem.code).collect()
    };
    assert_eq!(codes("a: '@{w}'\n"), ["UnsetVariable", "UnusedVariable"]);
    assert_eq!(codes("a: '@{v }}'\n"), [""; 0]);
    assert_eq!(codes("a: '@{v x}'\n"), ["BadVariable"]);
}

#[test]
fn a_value_of_a_variable_is_in_no_problem_and_no_debug_text() {
    let document = expanded("a: '@{v[yaml]}'\n", &["v=[hunter2, 'x"], &[]);
    assert_eq!(document.problems.len(), 1);
    assert!(!document.problems[0].to_string().contains("hunter2"), "{}", document.problems[0]);
    let variables = Variables::parse(&["v=hunter2"]).unwrap();
    assert_eq!(format!("{variables:?}"), "{\"v\"}");
    let conflict = Variables::parse(&["v=hunter2", "v=hunter3"]).unwrap_err();
    assert!(!conflict[0].to_string().contains("hunter"), "{}", conflict[0]);
}

#[test]
fn expansion_is_bounded_in_size_depth_and_number_of_problems() {
    let codes = |document: &Document| -> Vec<String> {
        document.problems.iter().map(|problem| problem.code.clone()).collect()
    };
    // A large value many times over.
    let value = format!("v={}", "x".repeat(1 << 20));
    let text = format!("a: '{}'\n", "@{v}".repeat(100));
    let document = expanded(&text, &[&value], &[]);
    assert_eq!(codes(&document), ["TooLarge"], "the room is {LARGEST} bytes");
    // An embedded file many times over, and one that is too large.
    let large = "x".repeat(LONGEST_TEXT + 1);
    assert_eq!(codes(&expanded("a: '@{embed: f}'\n", &[], &[("f", &large)])), ["TooLarge"]);
    let four = "x".repeat(LONGEST_TEXT);
    let text = format!("a: [{}]\n", "'@{embed: f}', ".repeat(10));
    assert_eq!(codes(&expanded(&text, &[], &[("f", &four)])), ["TooLarge"]);
    let many: Vec<String> = (0..6).map(|n| format!("f{n}")).collect();
    let files: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), four.as_str())).collect();
    let text = format!(
        "a: [{}]\n",
        many.iter().map(|name| format!("'@{{embed[binary]: {name}}}'")).collect::<Vec<_>>().join(", ")
    );
    assert_eq!(codes(&expanded(&text, &[], &files)), ["TooLarge", "TooLarge"]);
    // Depth, also of what is put in.
    let deep = format!("v={}1{}", "[".repeat(40), "]".repeat(40));
    let text = |depth: usize| format!("a: {}'@{{v[yaml]}}'{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(codes(&expanded(&text(DEEPEST - 41), &[&deep], &[])), [""; 0]);
    assert_eq!(codes(&expanded(&text(DEEPEST - 40), &[&deep], &[])), ["BadYaml"]);
    // Problems.
    let text = format!("a: [{}]\n", "'@{$x}', ".repeat(5_000));
    assert_eq!(expanded(&text, &[], &[]).problems.len(), MOST_PROBLEMS);
    let text = format!("a: [{}'@{{$x}}']\n", "'@@{v}', ".repeat(5_000));
    let document = expanded(&text, &["v=1"], &[]);
    assert_eq!(document.problems.len(), MOST_PROBLEMS + 1, "no error is left out because of warnings");
    assert_eq!(document.value["a"][4_999], json!("@1"));
}

#[test]
fn paths_are_joined_to_the_folder_and_cleaned_by_name() {
    for (said, path, absolute, outside) in [
        ("x.sh", "x.sh", false, false),
        ("./a//b/./c", "a/b/c", false, false),
        ("a/../b", "b", false, false),
        ("a/..", "", false, false),
        ("..", "..", false, true),
        ("a/../../b", "../b", false, true),
        ("../../b", "../../b", false, true),
        ("/etc/x", "etc/x", true, false),
        ("/../x", "../x", true, true),
        ("...", "...", false, false),
        ("a b/c", "a b/c", false, false),
        ("", "", false, false),
    ] {
        let found = resolve(said);
        assert_eq!((found.path.as_str(), found.absolute, found.outside), (path, absolute, outside), "{said}");
    }
    for (document, path, name) in [
        ("p.yaml", "x", "x"),
        ("a/p.yaml", "b/x", "a/b/x"),
        ("/p.yaml", "x", "/x"),
        ("stdin", "", "."),
        ("a/p.yaml", "", "a"),
    ] {
        assert_eq!(embed::shown(document, path), name);
    }
}

#[test]
fn a_file_is_read_once_and_only_where_it_is_named() {
    struct Counting(Vec<Embed>);
    impl Files for Counting {
        fn read(&mut self, file: &Embed, shown: &str) -> Result<Vec<u8>, Unread> {
            self.0.push(file.clone());
            if file.path == "gone" { Err(Unread::Missing(shown.to_owned())) } else { Ok(b"x".to_vec()) }
        }
    }
    let text =
        "a: ['@{embed: x}', '@{embed[yaml]: ./x}', '@{embed: gone}@{embed: gone}', 'y@{embed[yaml]: z}']\n";
    let document = yaml::read_first(text, "f").unwrap();
    for (reading, confined) in [(Reading::Published, false), (Reading::Strict, true)] {
        let mut files = Counting(Vec::new());
        let expanded = expand(&document, &Variables::default(), reading, &mut files, &mut Used::default());
        let read: Vec<_> = files.0.iter().map(|file| (file.path.as_str(), file.confined)).collect();
        assert_eq!(read, [("x", confined), ("gone", confined)]);
        assert!(files.0.iter().all(|file| file.most == LONGEST_TEXT));
        let codes: Vec<_> = expanded.problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["CannotEmbed", "CannotEmbed", "BadEncoding"]);
    }
}

#[test]
fn texts_in_quotes_show_what_cannot_be_seen() {
    for (text, quoted) in [
        ("a'b", "\"a'b\""),
        ("\"\\", "\"\\\"\\\\\""),
        ("\n\t\u{1}\u{7f}", "\"\\n\\t\\x01\\x7f\""),
        ("é\u{a0}\u{200b}\u{301}", "\"é\\u00a0\\u200b\u{301}\""),
        ("😀\u{e0001}", "\"😀\\U000e0001\""),
    ] {
        assert_eq!(quote(text), quoted);
    }
}

fn texts() -> impl Strategy<Value = String> {
    let atoms = vec![
        "@{", "@", "{", "}", "v", "w", "[yaml]", "[raw]", "[binary]", "[", "]", ":", ":-", "embed: ", "f",
        "y", "bad", "../f", "/f", " ", "\n", "é", "😀", "'", "\"", "\\", "-",
    ];
    prop::collection::vec(prop::sample::select(atoms), 0..12).prop_map(|atoms| atoms.concat())
}

fn any_reading() -> impl Strategy<Value = Reading> {
    prop::sample::select(vec![Reading::Published, Reading::Strict])
}

/// Whether the pieces cover the string, in order, and what is verbatim stands in its source.
fn covers(document: &Document, map: &TextMap, text: &str) -> bool {
    let ends = map.pieces().iter().skip(1).map(|piece| piece.at).chain([u32::try_from(text.len()).unwrap()]);
    map.len() == text.len()
        && map.pieces().first().is_some_and(|piece| piece.at == 0)
        && map.pieces().iter().zip(ends).all(|(piece, end)| {
            let source = &document.sources.get(piece.span.file).unwrap().text;
            let slice = source.get(piece.span.start as usize..piece.span.end as usize);
            let own = text.get(piece.at as usize..end as usize);
            (piece.at < end || text.is_empty()) && slice.is_some() && (!piece.verbatim || slice == own)
        })
}

#[test]
fn a_value_that_aliases_blow_up_is_charged_as_what_it_becomes() {
    let levels: Vec<String> = (1..=6)
        .map(|level| {
            let before = format!("*a{}", level - 1);
            format!("a{level}: &a{level} [{}]", vec![before; 8].join(", "))
        })
        .collect();
    let value = format!("v={{a0: &a0 xxxxxxxxxxxxxxxx, {}}}", levels.join(", "));
    let uses = vec!["\"@{v[yaml]}\""; 50].join(", ");
    let document = yaml::read_first(&format!("a: [{uses}]"), "f").unwrap();
    let given = Variables::parse(&[&*value]).unwrap();
    let expanded = expand(&document, &given, Reading::Published, &mut NoFiles, &mut Used::default());
    let codes: Vec<&str> = expanded.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert!(codes.contains(&"TooLarge"), "{codes:?}");
}

#[test]
fn what_is_said_of_a_long_placeholder_is_short() {
    let document = yaml::read_first(&format!("a: \"@{{{}}}\"", "? ".repeat(50_000)), "f").unwrap();
    let expanded =
        expand(&document, &Variables::default(), Reading::Published, &mut NoFiles, &mut Used::default());
    assert_eq!(expanded.problems.len(), 1);
    assert!(expanded.problems[0].reason.len() < 1_000, "{}", expanded.problems[0].reason.len());
}

#[test]
fn a_file_that_is_embedded_often_is_read_as_a_value_once() {
    let document = yaml::read_first(
        "a: [\"@{embed[yaml]: y}\", \"@{embed[yaml]: y}\", \"@{embed[yaml]: bad}\", \"@{embed[yaml]: bad}\"]",
        "f",
    )
    .unwrap();
    let mut files = folder(&[("y", "k: [v, w]"), ("bad", "[")]);
    let expanded =
        expand(&document, &Variables::default(), Reading::Published, &mut files, &mut Used::default());
    assert_eq!(expanded.value["a"][1], json!({"k": ["v", "w"]}));
    assert_eq!(expanded.problems.len(), 1, "the file that is wrong is told once: {:?}", expanded.problems);
    assert!(expanded.is_failed("a[2]") && expanded.is_failed("a[3]"));
}

proptest! {
    #[test]
    fn any_text_is_expanded_or_refused_and_its_map_covers_it(text in texts(), reading in any_reading(), given in any::<bool>()) {
        let document = yaml::read_first(&yaml::write(&json!({"a": [text]})), "f").unwrap();
        let set: &[&str] = if given { &["v=x: [1]", "w=é"] } else { &[] };
        let mut files = folder(&[("f", "file\n"), ("y", "k: [v, w]"), ("bad", "[")]);
        let expanded = expand(&document, &Variables::parse(set).unwrap(), reading, &mut files, &mut Used::default());
        let failed = expanded.is_failed("a[0]");
        prop_assert_eq!(failed, expanded.problems.iter().any(Problem::is_error));
        if let Some(value) = expanded.value["a"][0].as_str() {
            let map = expanded.text_map("a[0]").unwrap();
            prop_assert!(covers(&expanded, &map, value), "{:?} {:?}", value, map);
        }
        prop_assert!(expanded.problems.iter().all(|problem| !problem.reason.is_empty() && !problem.way_out.is_empty()));
    }

    #[test]
    fn a_text_without_placeholders_stays_as_it_is(text in "[^@]{0,40}", reading in any_reading()) {
        let document = yaml::read_first(&yaml::write(&json!({"a": text})), "f").unwrap();
        prop_assert_eq!(&expand(&document, &Variables::default(), reading, &mut NoFiles, &mut Used::default()), &document);
    }

    #[test]
    fn the_parts_of_a_text_make_up_the_text(text in texts(), reading in any_reading()) {
        let mut at = 0;
        for part in parts(&text, reading) {
            let (Part::Text(range) | Part::Escape(range) | Part::Placeholder(range) | Part::Open(range)) = part;
            prop_assert!(range.start == at && range.end > at);
            at = range.end;
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn what_is_escaped_comes_out_as_it_was_meant(text in texts()) {
        // Doubling every `@` of a run before a brace says any text.
        let escaped: String = {
            let mut out = String::new();
            let mut rest = text.as_str();
            while let Some(at) = rest.find('@') {
                let run = rest[at..].len() - rest[at..].trim_start_matches('@').len();
                out.push_str(&rest[..at]);
                let braced = rest[at + run..].starts_with('{');
                out.push_str(&"@".repeat(if braced { 2 * run } else { run }));
                rest = &rest[at + run..];
            }
            out + rest
        };
        let document = yaml::read_first(&yaml::write(&json!({"a": escaped})), "f").unwrap();
        let expanded = expand(&document, &Variables::default(), Reading::Strict, &mut NoFiles, &mut Used::default());
        prop_assert_eq!(&expanded.value, &json!({"a": text}));
        prop_assert!(expanded.problems.is_empty());
    }
}
