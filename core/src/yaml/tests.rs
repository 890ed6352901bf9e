use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Document {
    read_first(text, "f.yaml").unwrap()
}

#[test]
fn scalars_are_read_in_the_published_dialect() {
    for (text, value, warned) in [
        ("yes", json!(true), true),
        ("on", json!(true), true),
        ("n", json!(false), true),
        ("Off", json!(false), true),
        ("true", json!(true), false),
        ("0777", json!(511), true),
        ("0644", json!(420), true),
        ("0o17", json!(15), false),
        ("0x1F", json!(31), false),
        ("-0b11", json!(-3), false),
        ("1_000", json!(1000), true),
        ("08", json!(8), false),
        ("1e3", json!(1000), false),
        (".5", json!(0.5), false),
        ("1.", json!(1), false),
        ("18446744073709551615", json!(18_446_744_073_709_551_615_f64), true),
        ("2024-01-02", json!("2024-01-02"), false),
        ("1:30", json!("1:30"), false),
        ("1.2.3", json!("1.2.3"), false),
        ("'yes'", json!("yes"), false),
        ("!!str 5", json!("5"), false),
        ("!!int \"5\"", json!(5), false),
        ("!!binary aGk=", json!("hi"), false),
        ("!odd 5", json!("5"), true),
        ("~", json!(null), false),
    ] {
        let document = read(&format!("a: {text}\n"));
        assert_eq!(document.value, json!({"a": value}), "{text}");
        assert_eq!(!document.problems.is_empty(), warned, "{text}: {:?}", document.problems);
    }
}

#[test]
fn what_the_published_reader_accepts_in_silence_is_accepted_with_a_warning() {
    let document = read("a: 1\non: x\na: 2\n---\nb: 3\n");
    assert_eq!(document.value, json!({"a": 2, "true": "x"}));
    let warnings: Vec<_> =
        document.problems.iter().map(|warning| (warning.code.as_str(), warning.place.as_str())).collect();
    assert_eq!(
        warnings,
        [("SurprisingKey", "f.yaml:2:1"), ("DuplicateKey", "f.yaml:3:1"), ("FurtherDocument", "f.yaml:4:1")]
    );
}

#[test]
fn anchors_merge_keys_and_json_are_read() {
    let text = "base: &b {x: 1, y_: [2]}\nother: &o {z: 3, x: 9}\nall: {<<: [*b, *o], y_: 7}\none: *b\n";
    let all = json!({"base": {"x": 1, "y_": [2]}, "other": {"z": 3, "x": 9}, "all": {"y_": 7, "x": 1, "z": 3},
                     "one": {"x": 1, "y_": [2]}});
    assert_eq!(read(text).value, all);
    assert_eq!(
        read("{\"a\": \"\\ud83d\\ude00\",\n\t\"b\": [1, \"\\/\"]}").value,
        json!({"a": "😀", "b": [1, "/"]})
    );
    assert_eq!(
        read("\u{feff}a: |\n  x\n  y").value,
        json!({"a": "x\ny"}),
        "as libyaml: no line feed made up"
    );
}

#[test]
fn errors_name_line_and_column_and_what_to_do() {
    for (text, place, way_out) in [
        ("a: b\nc: @{x}\n", "f.yaml:2:4", "put the value in quotes"),
        ("a: [1,\nb: 2", "f.yaml:", ""),
        ("a:\n  - b\n c: d\n", "f.yaml:3:", ""),
        ("a: .inf\n", "f.yaml:1:4", "write another number"),
        ("a: *b\n", "f.yaml:1:4", ""),
        ("[a]: b\n", "f.yaml:1:1", "write a string"),
        ("a: &x [*x]\n", "f.yaml:1:8", ""),
        ("a: {<<: 5}\n", "f.yaml:1:5", "name a map"),
        ("a: [b:]\n", "f.yaml:1:5", "in quotes"),
        ("a: {b :}\n", "f.yaml:1:5", "in quotes"),
        ("a: [?b]\n", "f.yaml:1:5", "in quotes"),
    ] {
        let problem = read_first(text, "f.yaml").unwrap_err();
        assert!(problem.place.starts_with(place) && problem.way_out.contains(way_out), "{text}: {problem}");
    }
    for text in ["", "---\n", "# nothing\n", "~\n"] {
        assert_eq!(read_first(text, "f.yaml").unwrap_err().code, "EmptyDocument");
    }
}

#[test]
fn reading_is_bounded_in_size_depth_and_expansion() {
    let bomb = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        let alias = format!("*a{}, ", n - 1).repeat(9);
        format!("{text}a{n}: &a{n} [{alias}]\n")
    });
    assert_eq!(read_first(&bomb, "f").unwrap_err().code, "TooLarge");
    assert_eq!(read_first(&"x".repeat(LONGEST_TEXT + 1), "f").unwrap_err().code, "TooLarge");
    assert!(read_first(&format!("{}1{}", "[".repeat(65), "]".repeat(65)), "f").is_err());
    assert!(read_first(&format!("{}1{}", "[".repeat(60), "]".repeat(60)), "f").is_ok());
    assert!(read_first(&"[".repeat(100_000), "f").is_err());
    assert!(read_first(&"- ".repeat(100_000), "f").is_err());
}

#[test]
fn every_part_has_a_place_and_what_has_none_takes_that_around_it() {
    let document = read("spec:\n  Create:\n  - name: a\n    inputs: [{name: b}]\n");
    for (path, mark) in [
        ("spec.create[0].name", "f.yaml:3:5"),
        ("spec.create[0].inputs[0].name", "f.yaml:4:15"),
        ("spec.create[0].script", "f.yaml:3:5"),
        ("spec.create[0]", "f.yaml:3:5"),
        ("spec.create", "f.yaml:2:3"),
        ("metadata.name", "f.yaml:1:1"),
    ] {
        assert_eq!(document.mark(path), mark, "{path}");
    }
}

/// Where the first occurrence of `needle` in the string at `a` was written.
fn written(text: &str, needle: &str) -> String {
    let document = read(text);
    let value = document.value["a"].as_str().unwrap();
    let at = value.find(needle).unwrap_or_else(|| panic!("{value:?}"));
    let span = document.text_map("a").unwrap().span(at..at + needle.len());
    let location = document.sources.locate(span);
    format!("{}:{}-{}:{}", location.line, location.column, location.end_line, location.end_column)
}

#[test]
fn every_byte_of_a_string_leads_back_to_where_it_was_written() {
    for (text, needle, place) in [
        ("a: one two\n", "two", "1:8-1:11"),
        ("\u{feff}a: one two\n", "two", "1:9-1:12"),
        ("a: one\n  two\n\n  three\n", "two", "2:3-2:6"),
        ("a: one\n  two\n\n  three\n", "three", "4:3-4:8"),
        ("a: one\n  two\n\n  three\n", "one two\nthr", "1:4-4:6"),
        ("a: 'it''s ü x'\n", "ü", "1:11-1:12"),
        ("a: 'it''s x'\n", "'", "1:7-1:9"),
        ("a: \"tab\\tu\\u00e4 \\ud83d\\ude00 end\"\n", "end", "1:31-1:34"),
        ("a: \"tab\\tu\\u00e4 \\ud83d\\ude00 end\"\n", "😀", "1:18-1:30"),
        ("a: \"one \\\n  two\n  three\"\n", "two", "2:3-2:6"),
        ("a: \"one \\\n  two\n  three\"\n", "three", "3:3-3:8"),
        ("a: |\n  #!/bin/sh\n\n    echo hi\n", "echo", "4:5-4:9"),
        ("a: |\n  #!/bin/sh\n\n    echo hi\n", "  echo", "4:3-4:9"),
        ("a: |\r\n  one\r\n  two\r\n", "two", "3:3-3:6"),
        ("a: |2-  # why\n   one\n  two\n\n", " one", "2:3-2:7"),
        ("a: |+\n\n  one\n\n\n", "one", "3:3-3:6"),
        ("a: >\n  one\n  two\n\n    more\n  three\n", "two", "3:3-3:6"),
        ("a: >\n  one\n  two\n\n    more\n  three\n", "more", "5:5-5:9"),
        ("a: >\n  one\n  two\n\n    more\n  three\n", "three", "6:3-6:8"),
        ("b: &x one two\na: *x\n", "two", "1:11-1:14"),
        ("a: !!binary aGk=\n", "i", "1:13-1:17"),
    ] {
        assert_eq!(written(text, needle), place, "{text}");
    }
    let document = read("a: {b: [x, 5]}\n");
    assert!(document.text_map("a.b[1]").is_none() && document.text_map("a.c").is_none());
    assert_eq!(document.sources.locate(document.value_span("a.b").unwrap()).end_column, 14);
    assert_eq!(document.value_span("a.b[2]"), None);
}

#[test]
fn several_documents_are_read_for_stacks_and_empty_ones_left_out() {
    let documents = read_all("---\na: 1\n---\n---\nb: 2\n...\n", "f").unwrap();
    let values: Vec<_> = documents.iter().map(|document| document.value.clone()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": 2})]);
    let text = write_all(&values);
    let again: Vec<_> = read_all(&text, "f").unwrap().into_iter().map(|document| document.value).collect();
    assert_eq!(again, values);
}

#[test]
fn scripts_are_written_as_literal_blocks_and_doubtful_words_in_quotes() {
    let value = json!({"script": "#!/bin/sh\nset -e\n\necho hi\n", "a": ["no", "1_0", "plain text", {"b": []}], "n": {},
                       "tab": "\tx\ny", "keep": "a\n\n", "clip": "a\nb"});
    let text = "script: |\n  #!/bin/sh\n  set -e\n\n  echo hi\na:\n- \"no\"\n- \"1_0\"\n- plain text\n- b: []\n\"n\": {}\n\
                tab: \"\\tx\\ny\"\nkeep: |+\n  a\n\nclip: |-\n  a\n  b\n";
    assert_eq!(write(&value), text);
}

#[test]
fn keys_that_are_too_long_for_a_line_are_marked() {
    for length in [900, 1000, 1001, 1024, 5000] {
        for key in ["k".repeat(length), "é ".repeat(length / 2), "\"".repeat(length)] {
            let value = json!({"a": [{key.clone(): [1, {"b": "x\ny\n"}]}, {"c": {key: {"d": 1}}}]});
            let text = write(&value);
            let read = read_first(&text, "f").unwrap_or_else(|problem| panic!("{length}: {problem}"));
            assert_eq!((&read.value, &*read.problems), (&value, &[][..]), "{length}");
        }
    }
}

fn tricky() -> impl Strategy<Value = String> {
    let atoms = vec![
        "yes",
        "no",
        "on",
        "y",
        "~",
        "null",
        "true",
        "1",
        "0777",
        "1_0",
        "1e3",
        ".5",
        "-",
        "- a",
        ":",
        "a: b",
        " #c",
        "#",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "%",
        "@",
        "`",
        "'",
        "\"",
        "\\",
        "\n",
        "\n\n",
        " ",
        "\t",
        "\r",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\0",
        "é",
        "😀",
        "{",
        "}",
        "[",
        "]",
        ",",
        "?",
        "<<",
        "---",
        "...",
        "=",
        "2024-01-02",
        "x",
        "a b",
        "\u{7f}",
        "\u{fffe}",
    ];
    prop::collection::vec(prop::sample::select(atoms), 0..6).prop_map(|atoms| atoms.concat())
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        tricky().prop_map(Value::String),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(tricky(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A field written in any style, with what is difficult in each.
fn written_somehow() -> impl Strategy<Value = String> {
    let words = vec![
        "x", "yz", "it''s", "\\n", "\\u00e4", "\\\n  ", " ", "\n  ", "\n\n  ", "\n    ", "\t", "\r\n  ", "é",
    ];
    let style = prop::sample::select(vec![
        ("a: ", "\n"),
        ("a: '", "'\n"),
        ("a: \"", "\"\n"),
        ("a: |\n  ", "\n"),
        ("a: >-\n  ", "\n"),
    ]);
    (style, prop::collection::vec(prop::sample::select(words), 0..8))
        .prop_map(|((head, tail), words)| format!("{head}{}{tail}", words.concat()))
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(value in values()) {
        let text = write(&value);
        if value.is_null() {
            prop_assert!(read_first(&text, "f").is_err());
        } else {
            let documents = read_all(&text, "f").map_err(|problem| TestCaseError::fail(format!("{problem}\n{text}")))?;
            let document = documents.first().unwrap();
            prop_assert_eq!(&document.value, &value, "{}", text);
            prop_assert!(document.problems.is_empty(), "{:?}\n{}", document.problems, text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in prop_oneof!["\\PC{0,200}", "[-a:\\[\\]{},&*!|>'\"%@#? \n\t\r~0-9<é\u{85}]{0,60}"]) {
        let _ = read_all(&text, "f");
    }

    #[test]
    fn what_a_map_calls_verbatim_stands_there(text in written_somehow()) {
        let Ok(document) = read_first(&text, "f") else { return Ok(()) };
        let Some(value) = document.value["a"].as_str() else { return Ok(()) };
        let map = document.text_map("a").unwrap();
        prop_assert_eq!(map.len(), value.len(), "{:?}", text);
        let ends = map.pieces().iter().skip(1).map(|piece| piece.at).chain([u32::try_from(value.len()).unwrap()]);
        for (piece, end) in map.pieces().iter().zip(ends).filter(|(piece, _)| piece.verbatim) {
            let of = |range: std::ops::Range<u32>| range.start as usize..range.end as usize;
            prop_assert_eq!(&value[of(piece.at..end)], &text[of(piece.span.start..piece.span.end)], "{:?}", text);
        }
    }
}
