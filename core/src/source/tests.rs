use proptest::prelude::*;

use super::*;

fn span(file: FileId, start: u32, end: u32) -> Span {
    Span { file, start, end }
}

#[test]
fn lines_and_columns_count_characters_whatever_ends_the_lines() {
    let mut sources = Sources::default();
    let text = "ä: 1\r\nb: ü€x\rc\n";
    let file = sources.add("f.yaml", text);
    for (needle, line, column) in
        [("ä", 1, 1), (": 1", 1, 2), ("b:", 2, 1), ("€", 2, 5), ("x", 2, 6), ("c\n", 3, 1)]
    {
        let start = offset(text.find(needle).unwrap());
        let location = sources.locate(span(file, start, start + 1));
        assert_eq!((location.line, location.column), (line, column), "{needle}");
    }
    let end = sources.locate(span(file, offset(text.len()), offset(text.len())));
    assert_eq!(end.to_string(), "f.yaml:4:1");
    let source = sources.get(file).unwrap();
    assert_eq!(
        (1..=5).map(|line| source.line(line)).collect::<Vec<_>>(),
        [Some("ä: 1"), Some("b: ü€x"), Some("c"), Some(""), None]
    );
    assert_eq!(source.line_count(), 4);
}

#[test]
fn a_string_of_pieces_leads_back_to_each_of_them() {
    let mut sources = Sources::default();
    let (one, two) = (sources.add("a", "say 'it''s' @{v}"), sources.add("b", "hello\n"));
    // it's + the value of v + hello
    let mut map = TextMap::new(span(one, 4, 11));
    map.push_verbatim(2, span(one, 5, 5));
    map.push_whole(1, span(one, 7, 9));
    map.push_verbatim(1, span(one, 9, 9));
    map.push_whole(10, span(one, 12, 16));
    map.push_verbatim(6, span(two, 0, 0));
    assert_eq!(map.len(), 20);
    assert_eq!(map.span(0..2), span(one, 5, 7));
    assert_eq!(map.span(1..2), span(one, 6, 7));
    assert_eq!(map.span(1..4), span(one, 6, 10));
    assert_eq!(map.span(2..3), span(one, 7, 9));
    assert_eq!(map.span(7..8), span(one, 12, 16), "one byte of a value is the whole placeholder");
    assert_eq!(map.span(15..17), span(two, 1, 3));
    assert_eq!(map.span(20..20), span(two, 6, 6), "the end");
    assert_eq!(map.span(5..20), span(one, 12, 16), "over two files: where it begins");
    assert_eq!(map.span(90..99), span(two, 6, 6), "what is beyond is the end");
    assert_eq!(TextMap::new(span(one, 4, 4)).span(0..0), span(one, 4, 4));

    let mut part = TextMap::new(span(one, 0, 0));
    part.push_mapped(1..16, &map);
    assert_eq!((part.span(0..1), part.span(14..15)), (span(one, 6, 7), span(two, 1, 2)));
}

proptest! {
    #[test]
    fn columns_are_those_that_counting_gives(text in "[a-c€\n\r]{0,3000}", at in 0usize..3000) {
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let mut sources = Sources::default();
        let file = sources.add("f", text.as_str());
        let location = sources.locate(span(file, offset(at), offset(at)));
        let before = text[..at].replace("\r\n", "\n");
        // A `\r` before the place may be half of a line end.
        let half = text[..at].ends_with('\r') && text[at..].starts_with('\n');
        let before = if half { before[..before.len() - 1].to_owned() + "x" } else { before };
        let line = before.matches(['\n', '\r']).count() + 1;
        let column = before.rsplit(['\n', '\r']).next().unwrap().chars().count() + 1;
        prop_assert_eq!((location.line, location.column), (line, column));
    }
}
