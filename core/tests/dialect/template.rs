//! The template language, row by row. What is expected is what the published tools answer, found by asking them: values, and
//! reasons word for word, but for the YAML reader's own words and for the folder's name.

use serde_json::{Value, json};

use sandbind_core::{
    problem::Problem,
    template::{Folder, Reading, Used, Variables, expand},
    yaml,
};

/// The files beside the document.
fn folder() -> Folder {
    let files: [(&str, &[u8]); 13] = [
        ("f", b"hello\n"),
        ("x.sh", b"#!/bin/sh\necho @{v}\n"),
        ("dir/y.sh", b"y"),
        ("empty", b""),
        ("data.yaml", b"a: [1, yes]\nb: text\n"),
        ("bad.yaml", b"a: [\n"),
        ("bin", b"\x00\xffA\xe2\x82"),
        ("bom", b"\xef\xbb\xbfx"),
        ("two.yaml", b"a: 1\n---\nb: 2\n"),
        ("scalar.yaml", b"5"),
        ("tpl.yaml", b"k: \"@{v}\"\n"),
        ("latin.yaml", b"a: \xe9\n"),
        ("../up", b"up"),
    ];
    Folder(files.into_iter().map(|(path, content)| (path.to_owned(), content.to_vec())).collect())
}

/// What was given with `--set`, what comes out or why not, and the codes of the warnings.
type Row =
    (&'static str, &'static [&'static str], Result<&'static str, &'static str>, &'static [&'static str]);

/// The value of the one field of a document.
#[rustfmt::skip]
const VALUES: &[Row] = &[
    ("@{v}", &["v=1"], Ok("\"1\""), &[]),
    ("@{v[yaml]}", &["v=1"], Ok("1"), &[]),
    ("@{v[yaml]}", &["v={x: [1,2]}"], Ok("{\"x\":[1,2]}"), &[]),
    ("@{v[yaml]}", &["v=true"], Ok("true"), &[]),
    ("@{v[yaml]}", &["v="], Ok("null"), &[]),
    ("@{v[yaml]}", &["v=yes"], Ok("true"), &["SurprisingScalar"]),
    ("@{v[yaml]}", &["v=0777"], Ok("511"), &["SurprisingScalar"]),
    ("@{v[yaml]}", &["v=a: 1\n---\nb: 2"], Ok("{\"a\":1}"), &["FurtherDocument"]),
    ("@{v[yaml]}", &["v=[1"], Err("in the value of `v`, at 1:1: unclosed bracket '['"), &[]),
    ("@{v[yaml]}", &["v=text"], Ok("\"text\""), &[]),
    ("@{v[yaml]}", &["v=&x [*x]"], Err("in the value of `v`, at 1:5: an alias inside its own anchor"), &[]),
    ("x@{v[yaml]}", &["v=1"], Err("invalid encoding: embed yaml does not work as part of a larger string"), &[]),
    ("@{v[yaml]} ", &["v=1"], Err("invalid encoding: embed yaml does not work as part of a larger string"), &[]),
    ("@{v[yaml]}@{v[yaml]}", &["v=1"], Err("invalid encoding: embed yaml does not work as part of a larger string"), &[]),
    ("@{v[binary]}", &["v=hi"], Ok("\"aGk=\""), &[]),
    ("x@{v[binary]}", &["v=hi"], Err("invalid encoding: embed binary does not work as part of a larger string"), &[]),
    ("@{v[raw]}-@{w[raw]}", &["v=1", "w=2"], Ok("\"1-2\""), &[]),
    ("@{v[raw]}", &["v=1"], Ok("\"1\""), &[]),
    ("@{ v }", &["v=1"], Ok("\"1\""), &[]),
    ("@{\n v\n}", &["v=1"], Ok("\"1\""), &[]),
    ("@{v [yaml]}", &["v=1"], Err("invalid variable name: \"v [yaml]\""), &[]),
    ("@{v[ yaml ]}", &["v=1"], Ok("1"), &[]),
    ("@{v[yaml]junk}", &["v=1"], Ok("1"), &["IgnoredText"]),
    ("@{v[Yaml]}", &["v=1"], Err("unrecognized template op type: \"Yaml\""), &[]),
    ("@{v[]}", &["v=1"], Err("unrecognized template op type: \"\""), &[]),
    ("@{v[json]}", &["v=1"], Err("unrecognized template op type: \"json\""), &[]),
    ("@{v[yaml}", &["v=1"], Err("invalid op spec: \"v[yaml\" imbalanced '[]'"), &[]),
    ("@{v]}", &["v=1"], Err("invalid variable name: \"v]\""), &[]),
    ("@{v]yaml[}", &["v=1"], Err("invalid variable name: \"v]yaml[\""), &[]),
    ("@{v[a]b[yaml]}", &["v=1"], Err("unrecognized template op type: \"a]b[yaml\""), &[]),
    ("@{v[[yaml]]}", &["v=1"], Err("unrecognized template op type: \"[yaml]\""), &[]),
    ("@{}", &[], Ok("\"@{}\""), &["OpenPlaceholder"]),
    ("@{v", &[], Ok("\"@{v\""), &["OpenPlaceholder"]),
    ("a @{v b", &[], Ok("\"a @{v b\""), &["OpenPlaceholder"]),
    ("@{ }", &[], Err("invalid variable name: \"\""), &[]),
    ("@{{v}}", &["v=1"], Err("invalid variable name: \"{v\""), &[]),
    ("@{a@{v}", &["v=1"], Err("invalid variable name: \"a@{v\""), &[]),
    ("@{@{v}}", &["v=1"], Err("invalid variable name: \"@{v\""), &[]),
    ("@@{v}", &["v=1"], Ok("\"@1\""), &["NoEscape"]),
    ("@@@{v}", &["v=1"], Ok("\"@@1\""), &["NoEscape"]),
    ("pg@@{v}", &["v=1.0"], Ok("\"pg@1.0\""), &[]),
    ("\\@{v}", &["v=1"], Ok("\"\\\\1\""), &[]),
    ("@ {v}", &["v=1"], Ok("\"@ {v}\""), &["UnusedVariable"]),
    ("$@{v}", &["v=1"], Ok("\"$1\""), &[]),
    ("@{}@{v}", &["v=1"], Ok("\"@{}1\""), &["OpenPlaceholder"]),
    ("{@{v}}", &["v=1"], Ok("\"{1}\""), &[]),
    ("@{v}}", &["v=1"], Ok("\"1}\""), &[]),
    ("@{v}{w}", &["v=1"], Ok("\"1{w}\""), &[]),
    ("@{v}@{v}", &["v=ab"], Ok("\"abab\""), &[]),
    ("@{v} and @{w}!", &["v=1", "w=2"], Ok("\"1 and 2!\""), &[]),
    ("@{v}", &["v=a=b"], Ok("\"a=b\""), &[]),
    ("@{v}", &["v="], Ok("\"\""), &[]),
    ("@{v}", &["v=@{w}", "w=1"], Ok("\"@{w}\""), &["UnusedVariable"]),
    ("@{v}", &["v=a: b\nc: d"], Ok("\"a: b\\nc: d\""), &[]),
    ("@{v}", &["v=ü€😀"], Ok("\"ü€😀\""), &[]),
    ("ü@{v}é", &["v=x"], Ok("\"üxé\""), &[]),
    ("@{a.b-c_d9}", &["a.b-c_d9=1"], Ok("\"1\""), &[]),
    ("@{9v}", &[], Err("invalid variable name: \"9v\""), &[]),
    ("@{_v}", &[], Err("invalid variable name: \"_v\""), &[]),
    ("@{-v}", &[], Err("invalid variable name: \"-v\""), &[]),
    ("@{ü}", &[], Err("invalid variable name: \"ü\""), &[]),
    ("@{v w}", &[], Err("invalid variable name: \"v w\""), &[]),
    ("@{v,w}", &[], Err("invalid variable name: \"v,w\""), &[]),
    ("@{$x}", &[], Err("invalid variable name: \"$x\""), &[]),
    ("@{a=1}", &[], Err("invalid variable name: \"a=1\""), &[]),
    ("@{v\tw}", &[], Err("invalid variable name: \"v\\tw\""), &[]),
    ("@{\"v\"}", &[], Err("invalid variable name: \"\\\"v\\\"\""), &[]),
    ("@{v\u{200b}}", &[], Err("invalid variable name: \"v\\u200b\""), &[]),
    ("@{v}", &[], Err("unexpanded variable: v"), &[]),
    ("@{v[yaml]}", &[], Err("unexpanded variable: v"), &[]),
    ("x @{v} @{v}", &[], Err("unexpanded variable: v; also at 1:14"), &[]),
    ("@{v}", &["w=1"], Err("unexpanded variable: v"), &["UnusedVariable"]),
    ("@{v}", &["v=1", "v=1"], Ok("\"1\""), &[]),
    ("x", &["v"], Err("--set expects <var>=<val> syntax, got \"v\""), &[]),
    ("x", &["-v=1"], Err("--set expects <var> to match ^[a-zA-Z][a-zA-Z0-9_.-]*$, got \"-v\""), &[]),
    ("x", &["=1"], Err("--set expects <var> to match ^[a-zA-Z][a-zA-Z0-9_.-]*$, got \"\""), &[]),
    ("x", &["9=1"], Err("--set expects <var> to match ^[a-zA-Z][a-zA-Z0-9_.-]*$, got \"9\""), &[]),
    ("x", &["a b=1"], Err("--set expects <var> to match ^[a-zA-Z][a-zA-Z0-9_.-]*$, got \"a b\""), &[]),
    ("x", &["ü=1"], Err("--set expects <var> to match ^[a-zA-Z][a-zA-Z0-9_.-]*$, got \"ü\""), &[]),
    ("x", &["v=1=2"], Ok("\"x\""), &["UnusedVariable"]),
    ("@{embed: f}", &[], Ok("\"hello\\n\""), &[]),
    ("@{embed:f}", &[], Ok("\"hello\\n\""), &[]),
    ("@{ embed : f }", &[], Ok("\"hello\\n\""), &[]),
    ("@{embed[raw]: f}", &[], Ok("\"hello\\n\""), &[]),
    ("pre @{embed: f} post", &[], Ok("\"pre hello\\n post\""), &[]),
    ("@{embed: x.sh}", &["v=1"], Ok("\"#!/bin/sh\\necho @{v}\\n\""), &["NotExpanded", "UnusedVariable"]),
    ("@{embed: dir/y.sh}", &[], Ok("\"y\""), &[]),
    ("@{embed: ./dir/../f}", &[], Ok("\"hello\\n\""), &[]),
    ("@{embed: dir//y.sh}", &[], Ok("\"y\""), &[]),
    ("@{embed: ../up}", &[], Ok("\"up\""), &[]),
    ("@{embed: /f}", &[], Ok("\"hello\\n\""), &["AbsoluteEmbed"]),
    ("@{embed: /dir/y.sh}", &[], Ok("\"y\""), &["AbsoluteEmbed"]),
    ("@{embed: missing}", &[], Err("open missing: no such file or directory"), &[]),
    ("@{embed: dir}", &[], Err("read dir: is a directory"), &[]),
    ("@{embed:}", &[], Err("read .: is a directory"), &[]),
    ("@{embed: .}", &[], Err("read .: is a directory"), &[]),
    ("@{embed: }", &[], Err("read .: is a directory"), &[]),
    ("@{embed: f f}", &[], Err("open f f: no such file or directory"), &[]),
    ("@{embed: f:g}", &[], Err("open f:g: no such file or directory"), &[]),
    ("@{embed: dir/missing}", &[], Err("open dir/missing: no such file or directory"), &[]),
    ("@{embed: f/x}", &[], Err("open f/x: no such file or directory"), &[]),
    ("@{embed[yaml]: data.yaml}", &[], Ok("{\"a\":[1,true],\"b\":\"text\"}"), &["SurprisingScalar"]),
    ("@{embed[yaml]: empty}", &[], Ok("null"), &[]),
    ("@{embed[yaml]: two.yaml}", &[], Ok("{\"a\":1}"), &["FurtherDocument"]),
    ("@{embed[yaml]: scalar.yaml}", &[], Ok("5"), &[]),
    ("@{embed[yaml]: tpl.yaml}", &["v=1"], Ok("{\"k\":\"@{v}\"}"), &["UnusedVariable"]),
    ("@{embed[yaml]: f}", &[], Ok("\"hello\""), &[]),
    ("@{embed[yaml]: bad.yaml}", &[], Err("unclosed bracket '['"), &[]),
    ("@{embed[yaml]: latin.yaml}", &[], Err("this byte is no part of UTF-8 text"), &[]),
    ("@{embed[yaml]: missing}", &[], Err("open missing: no such file or directory"), &[]),
    ("@{embed[binary]: bin}", &[], Ok("\"AP9B4oI=\""), &[]),
    ("@{embed[binary]: empty}", &[], Ok("\"\""), &[]),
    ("@{embed[binary]: f}", &[], Ok("\"aGVsbG8K\""), &[]),
    ("@{embed: bin}", &[], Ok("\"\\u0000�A��\""), &["BrokenText"]),
    ("x@{embed: bin}y", &[], Ok("\"x\\u0000�A��y\""), &["BrokenText"]),
    ("@{embed: bom}", &[], Ok("\"\u{feff}x\""), &[]),
    ("@{embed: empty}", &[], Ok("\"\""), &[]),
    ("<@{embed: empty}>", &[], Ok("\"<>\""), &[]),
    ("x@{embed[yaml]: f}", &[], Err("invalid encoding: embed yaml does not work as part of a larger string"), &[]),
    ("x@{embed[binary]: f}", &[], Err("invalid encoding: embed binary does not work as part of a larger string"), &[]),
    ("@{embed [yaml]: f}", &[], Err("error parsing template: unsupported operation: \"embed [yaml]\""), &[]),
    ("@{embed[yaml] : f}", &[], Ok("\"hello\""), &[]),
    ("@{embed[YAML]: f}", &[], Err("error parsing \"embed[YAML]\": unrecognized template op type: \"YAML\""), &[]),
    ("@{embed[yaml: f}", &[], Err("error parsing \"embed[yaml\": invalid op spec: \"embed[yaml\" imbalanced '[]'"), &[]),
    ("@{embed]: f}", &[], Err("error parsing template: unsupported operation: \"embed]\""), &[]),
    ("@{embed[]: f}", &[], Err("error parsing \"embed[]\": unrecognized template op type: \"\""), &[]),
    ("@{embed[yaml]x: f}", &[], Ok("\"hello\""), &["IgnoredText"]),
    ("@{Embed: f}", &[], Err("error parsing template: unsupported operation: \"Embed\""), &[]),
    ("@{include: f}", &[], Err("error parsing template: unsupported operation: \"include\""), &[]),
    ("@{: f}", &[], Err("error parsing template: unsupported operation: \"\""), &[]),
    ("@{v:-default}", &["v=1"], Err("error parsing template: unsupported operation: \"v\""), &[]),
    ("@{v:-default}", &[], Err("error parsing template: unsupported operation: \"v\""), &[]),
    ("@{foo[bad]: f}", &[], Err("error parsing \"foo[bad]\": unrecognized template op type: \"bad\""), &[]),
    ("@{v[a:b]}", &[], Err("error parsing \"v[a\": invalid op spec: \"v[a\" imbalanced '[]'"), &[]),
    ("@{env:HOME}", &[], Err("error parsing template: unsupported operation: \"env\""), &[]),
    ("@{embed\n:\nf}", &[], Ok("\"hello\\n\""), &[]),
    ("@{http://x}", &[], Err("error parsing template: unsupported operation: \"http\""), &[]),
    ("@{x][: f}", &[], Err("error parsing \"x][\": invalid op spec: \"x][\" imbalanced '[]'"), &[]),
    ("@{[yaml]: f}", &[], Err("error parsing template: unsupported operation: \"[yaml]\""), &[]),
    ("@{[yaml]}", &[], Err("invalid variable name: \"[yaml]\""), &[]),
    ("@{embed: ../dir/f}", &[], Err("open ../dir/f: no such file or directory"), &[]),
];

/// Whole documents.
#[rustfmt::skip]
const DOCUMENTS: &[Row] = &[
    ("\"@{v}\": 1\na: 2\n", &["v=k"], Ok("{\"@{v}\":1,\"a\":2}"), &["PlaceholderInKey", "UnusedVariable"]),
    ("a: [\"@{v[yaml]}\", \"@{v}\", 1, null, true]\n", &["v=1"], Ok("{\"a\":[1,\"1\",1,null,true]}"), &[]),
    ("a: |\n  one @{v}\n  two\n", &["v=1"], Ok("{\"a\":\"one 1\\ntwo\\n\"}"), &[]),
    ("a: >-\n  @{v}\n  @{w}\n", &["v=1", "w=2"], Ok("{\"a\":\"1 2\"}"), &[]),
    ("a: '@{v}'\n", &["v=it's"], Ok("{\"a\":\"it's\"}"), &[]),
    ("a: b@{v}\n", &["v=1"], Ok("{\"a\":\"b1\"}"), &[]),
    ("a: b @{v} # @{w}\n", &["v=1"], Ok("{\"a\":\"b 1\"}"), &[]),
    ("a: &x \"@{v}\"\nb: *x\n", &["v=1"], Ok("{\"a\":\"1\",\"b\":\"1\"}"), &[]),
    ("a: {b: {c: [\"@{v[yaml]}\"]}}\n", &["v=[1]"], Ok("{\"a\":{\"b\":{\"c\":[[1]]}}}"), &[]),
    ("a: |-\n  @{v[yaml]}\n", &["v=[1]"], Ok("{\"a\":[1]}"), &[]),
    ("a: |\n  @{v[yaml]}\n", &["v=[1]"], Err("invalid encoding: embed yaml does not work as part of a larger string"), &[]),
    ("\"@{v}\"\n", &["v=1"], Ok("\"1\""), &[]),
    ("- \"@{v}\"\n", &["v=1"], Ok("[\"1\"]"), &[]),
    ("a: 5\nb: true\nc: null\n", &["v=1"], Ok("{\"a\":5,\"b\":true,\"c\":null}"), &["UnusedVariable"]),
    ("a: '@{v\n  }'\n", &["v=1"], Ok("{\"a\":\"1\"}"), &[]),
    ("a: \"\\x40{v}\"\n", &["v=1"], Ok("{\"a\":\"1\"}"), &[]),
    ("a: \"@{v}\"\n---\nb: \"@{w}\"\n", &["v=1"], Ok("{\"a\":\"1\"}"), &["FurtherDocument"]),
];

/// What the strict reading adds. Of what is refused: the code.
#[rustfmt::skip]
const STRICT: &[Row] = &[
    ("@@{v}", &["v=1"], Ok("\"@{v}\""), &["UnusedVariable"]),
    ("@@{", &[], Ok("\"@{\""), &[]),
    ("@@@{v}", &["v=1"], Ok("\"@1\""), &[]),
    ("@@@@{v}", &[], Ok("\"@@{v}\""), &[]),
    ("a@@{b}c@{v}d@@{e", &["v=1"], Ok("\"a@{b}c1d@{e\""), &[]),
    ("@@", &[], Ok("\"@@\""), &[]),
    ("@@ {v}", &[], Ok("\"@@ {v}\""), &[]),
    ("@@{@{v}}", &["v=1"], Ok("\"@{1}\""), &[]),
    ("@{v:-d}", &[], Ok("\"d\""), &[]),
    ("@{v:-d}", &["v=1"], Ok("\"1\""), &[]),
    ("@{v:-d}", &["v="], Ok("\"\""), &[]),
    ("@{v:-}", &[], Ok("\"\""), &[]),
    ("@{ v :- a b }", &[], Ok("\"a b\""), &[]),
    ("@{v:-a:b}", &[], Ok("\"a:b\""), &[]),
    ("@{v:-@{w}", &[], Ok("\"@{w\""), &[]),
    ("<@{v:-d}@{v:-e}>", &[], Ok("\"<de>\""), &[]),
    ("@{v[yaml]:-[1, 2]}", &[], Ok("[1,2]"), &[]),
    ("@{v[yaml]:-}", &[], Ok("null"), &[]),
    ("@{v[binary]:-hi}", &[], Ok("\"aGk=\""), &[]),
    ("@{v[yaml]:-[}", &[], Err("BadYaml"), &[]),
    ("x@{v[yaml]:-1}", &[], Err("BadEncoding"), &[]),
    ("@{v[odd]:-1}", &[], Err("BadEncoding"), &[]),
    ("@{9:-d}", &[], Err("BadVariable"), &[]),
    ("@{:-d}", &[], Err("BadVariable"), &[]),
    ("@{$x}", &[], Err("BadVariable"), &[]),
    ("@{v:d}", &[], Err("UnknownOperation"), &[]),
    ("@{v: -d}", &[], Ok("\"d\""), &[]),
    ("@{embed:-x}", &[], Err("CannotEmbed"), &[]),
    ("@{embed: f}", &[], Ok("\"hello\\n\""), &[]),
    ("@{embed: dir/../f}", &[], Ok("\"hello\\n\""), &[]),
    ("@{embed: /f}", &[], Ok("\"hello\\n\""), &["AbsoluteEmbed"]),
    ("@{embed: ../up}", &[], Err("EmbedOutside"), &[]),
    ("@{embed[binary]: dir/../../up}", &[], Err("EmbedOutside"), &[]),
    ("@{embed: ../dir/f}", &[], Err("EmbedOutside"), &[]),
    ("@{v", &[], Ok("\"@{v\""), &["OpenPlaceholder"]),
    ("@{}", &[], Ok("\"@{}\""), &["OpenPlaceholder"]),
    ("@{v}", &[], Err("UnsetVariable"), &[]),
];

/// What comes out of a document, and the warnings; or what is wrong.
fn expanded(text: &str, set: &[&str], reading: Reading) -> Result<(Value, Vec<Problem>), Problem> {
    let variables = Variables::parse(set).map_err(|problems| problems[0].clone())?;
    let document = yaml::read_first(text, "f.yaml").unwrap();
    let mut used = Used::default();
    let mut expanded = expand(&document, &variables, reading, &mut folder(), &mut used);
    expanded.problems.extend(variables.unused(&used));
    match expanded.problems.iter().find(|problem| problem.is_error()) {
        Some(problem) => Err(problem.clone()),
        None => Ok((expanded.value, expanded.problems)),
    }
}

/// Why an answer is not the one of a row.
fn differs(
    answer: Result<(Value, Vec<Problem>), Problem>,
    (_, set, wanted, warnings): &Row,
    told: impl Fn(&Problem) -> String,
) -> Option<String> {
    match answer {
        Ok((value, problems)) => {
            let codes: Vec<String> = problems.into_iter().map(|problem| problem.code).collect();
            let wanted = wanted.ok().map(|json| serde_json::from_str::<Value>(json).unwrap());
            (wanted.as_ref() != Some(&value) || codes != *warnings).then(|| format!("{value} with {codes:?}"))
        }
        Err(problem) => {
            assert!(!problem.place.is_empty() && !problem.way_out.is_empty(), "{problem}");
            (*wanted != Err(told(&problem).as_str())).then(|| format!("{problem}"))
        }
    }
    .map(|got| format!("--set {set:?}\n  expected {wanted:?} with {warnings:?}\n  got      {got}"))
}

fn check(rows: &[Row], whole: bool, reading: Reading, told: impl Fn(&Problem) -> String) {
    let mut wrong = Vec::new();
    for row in rows {
        let text = if whole { row.0.to_owned() } else { json!({"a": row.0}).to_string() };
        let answer = expanded(&text, row.1, reading)
            .map(|(value, problems)| (if whole { value } else { value["a"].clone() }, problems));
        wrong.extend(differs(answer, row, &told).map(|why| format!("{:?} {why}", row.0)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_placeholder_becomes_what_the_published_tools_make_of_it() {
    check(VALUES, false, Reading::Published, |problem| problem.reason.clone());
    check(DOCUMENTS, true, Reading::Published, |problem| problem.reason.clone());
    assert!(VALUES.len() + DOCUMENTS.len() > 150);
}

#[test]
fn the_strict_reading_adds_an_escape_defaults_and_confinement() {
    check(STRICT, false, Reading::Strict, |problem| problem.code.clone());
}

#[test]
fn what_is_no_placeholder_is_read_alike_by_both() {
    for (text, set, wanted, warnings) in VALUES
        .iter()
        .filter(|(text, _, wanted, _)| wanted.is_ok() && !text.contains("@@") && !text.contains("../"))
    {
        let row = (*text, *set, *wanted, *warnings);
        let answer = expanded(&json!({"a": text}).to_string(), set, Reading::Strict);
        let answer = answer.map(|(value, problems)| (value["a"].clone(), problems));
        assert_eq!(differs(answer, &row, |problem| problem.reason.clone()), None, "{text}");
    }
}
