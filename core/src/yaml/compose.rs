//! From the parser's events to parts with places.

mod scalars;

use std::{collections::BTreeMap, sync::Arc};

use granit_parser::{ErrorKind, Event, Marker, Parser, Span as Mark, StrInput, StructureStyle, Tag};
use serde_json::Value;

use super::{
    DEEPEST, Document, LARGEST, LONGEST_TEXT,
    node::{Content, Field, Fields, NODE, Node},
    shown, tagged,
};
use crate::{
    problem::{MOST_PROBLEMS, Problem},
    source::{FileId, Sources, Span, offset},
};

/// Which documents of a text are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// The first; a further one is warned of.
    First,
}

/// The documents of a text.
pub(super) fn compose(text: &str, file: &str, wanted: Wanted) -> Result<Vec<Document>, Problem> {
    let mut sources = Sources::default();
    if text.len() > LONGEST_TEXT {
        return Err(too_long(file));
    }
    let id = sources.add(file, text);
    let (parts, _) = parts(&sources, id, wanted, LARGEST)?;
    let documents = parts.into_iter().map(|part| Document {
        value: part.root.value(),
        problems: part.problems,
        sources: sources.clone(),
        root: part.root,
    });
    Ok(documents.collect())
}

/// One document of a text, without the text.
pub(crate) struct Part {
    pub(crate) root: Arc<Node>,
    pub(crate) problems: Vec<Problem>,
}

/// The first document of a text that was taken up already; null where there is none. At most `room` may it come to.
pub(crate) fn first(sources: &Sources, file: FileId, room: usize) -> Result<Part, Problem> {
    let (parts, end) = parts(sources, file, Wanted::First, room)?;
    Ok(parts.into_iter().next().unwrap_or_else(|| Part {
        root: Arc::new(Node::scalar(Value::Null, end.head())),
        problems: Vec::new(),
    }))
}

/// Why a text is not even looked at.
pub fn too_long(file: &str) -> Problem {
    let reason = format!("the text is longer than {LONGEST_TEXT} bytes");
    Problem::error("TooLarge", file, reason, "put large scripts into the image")
}

fn parts(sources: &Sources, file: FileId, wanted: Wanted, room: usize) -> Result<(Vec<Part>, Span), Problem> {
    let whole = sources.get(file).map_or("", |source| &source.text);
    let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    let skipped = offset(whole.len() - text.len());
    let mut composer = Composer {
        parser: Parser::new_from_str_with_options(text, options()),
        text,
        sources,
        file,
        skipped,
        anchors: BTreeMap::new(),
        room,
        exact: wanted == Wanted::All,
        flow: false,
        warnings: Vec::new(),
    };
    composer.characters()?;
    let parts = composer.documents(wanted)?;
    Ok((parts, sources.whole(file)))
}

fn options() -> granit_parser::Options {
    let mut options = granit_parser::Options::default();
    // As libyaml, which the published readers descend from.
    options.block_scalar_eof_without_line_feed = true;
    options.bom_inside_document_as_content = true;
    options.emit_comments = false;
    options
}

struct Composer<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// Without the byte-order mark.
    text: &'t str,
    sources: &'t Sources,
    file: FileId,
    /// Length of the byte-order mark.
    skipped: u32,
    anchors: BTreeMap<usize, Arc<Node>>,
    /// How much more the text may come to.
    room: usize,
    /// Whether numbers are kept whole.
    exact: bool,
    /// Whether the part that is read stands in brackets or braces.
    flow: bool,
    warnings: Vec<Problem>,
}

type Step<'t> = (Event<'t>, Mark);

impl<'t> Composer<'t> {
    fn documents(&mut self, wanted: Wanted) -> Result<Vec<Part>, Problem> {
        let mut parts: Vec<Part> = Vec::new();
        loop {
            let (event, mark) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(parts),
                Event::DocumentStart(_, version) => {
                    let span = self.span(&mark);
                    if let (Wanted::First, Some(first)) = (wanted, parts.first_mut()) {
                        let way_out = "put the others into files of their own";
                        let problem = Problem::warning(
                            "FurtherDocument",
                            "",
                            "only the first document is read",
                            way_out,
                        );
                        first.problems.push(self.sources.place(span, problem));
                        return Ok(parts);
                    }
                    if let Some(version) = version.filter(|version| (version.major, version.minor) != (1, 1))
                    {
                        let reason = format!(
                            "the published reader refuses `%YAML {}.{}`; the dialect is the same whatever it says",
                            version.major, version.minor
                        );
                        self.warn("YamlDirective", span, reason, "remove the line");
                    }
                    let node = self.next()?;
                    let root = self.node(node, 0)?;
                    self.anchors.clear();
                    parts.push(Part { root, problems: std::mem::take(&mut self.warnings) });
                }
                _ => {}
            }
        }
    }

    /// Characters that the published reader refuses, and those that it takes for line ends.
    fn characters(&mut self) -> Result<(), Problem> {
        for (at, c) in self.text.char_indices() {
            let control = matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{80}'..='\u{84}'
                | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
            let odd = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
            if !control && !odd {
                continue;
            }
            let start = self.skipped + offset(at);
            let span = Span { file: self.file, start, end: start + offset(c.len_utf8()) };
            let code = u32::from(c);
            if control {
                let reason = format!("control characters are not allowed: U+{code:04X}");
                return Err(self.refuse(span, reason, "remove it, or write `\"\\xNN\"` in double quotes"));
            }
            let reason = format!("U+{code:04X} ends a line for the published reader, and not here");
            self.warn("LineSeparator", span, reason, "remove it, or write it as an escape in double quotes");
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Step<'t>, Problem> {
        match self.parser.next_event() {
            Some(Ok(step)) => Ok(step),
            None => Ok((Event::StreamEnd, Mark::default())),
            Some(Err(error)) => {
                let start = self.offset(error.marker());
                let at = usize::try_from(start - self.skipped).unwrap_or_default();
                let next = self.text.get(at..).and_then(|rest| rest.chars().next());
                let way_out = match next {
                    _ if matches!(error.kind(), ErrorKind::UnknownQuotedScalarEscape) => {
                        "write `\\\\` for a backslash, and quotes of the other kind as they are"
                    }
                    Some('@' | '`' | '%') => "put the value in quotes",
                    Some('\t') => "indent with spaces",
                    _ => "fix the syntax here or just before",
                };
                let end = start + next.map_or(0, |c| offset(c.len_utf8()));
                let span = Span { file: self.file, start, end };
                if *error.kind() == ErrorKind::RecursionLimitExceeded {
                    return Err(self.too_deep(span));
                }
                Err(self.refuse(span, error.info().to_lowercase(), way_out))
            }
        }
    }

    fn node(&mut self, (event, mark): Step<'t>, depth: usize) -> Result<Arc<Node>, Problem> {
        let span = self.span(&mark);
        if depth > DEEPEST {
            return Err(self.too_deep(span));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.take(NODE + text.len(), span)?;
                (self.scalar(text, style, tag.as_deref(), span)?, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.take(NODE, span)?;
                self.collection_tag(tag.as_deref(), &mark);
                let outer = std::mem::replace(&mut self.flow, style == StructureStyle::Flow);
                let node = self.sequence(span, depth)?;
                self.flow = outer;
                (node, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.take(NODE, span)?;
                self.collection_tag(tag.as_deref(), &mark);
                let outer = std::mem::replace(&mut self.flow, style == StructureStyle::Flow);
                let node = self.mapping(span, depth)?;
                self.flow = outer;
                (node, anchor)
            }
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id).cloned() else {
                    let reason = "an alias inside its own anchor".to_owned();
                    return Err(self.refuse(span, reason, "write it out"));
                };
                if depth + target.height > DEEPEST {
                    let reason = format!("with its aliases expanded more than {DEEPEST} levels deep");
                    return Err(self.refuse(span, reason, "use fewer aliases"));
                }
                self.take(target.weight, span)?;
                return Ok(Arc::new(Node::alias(target, span)));
            }
            _ => return Err(self.refuse(span, "a value is missing".to_owned(), "write one")),
        };
        let node = Arc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Arc::clone(&node));
        }
        Ok(node)
    }

    fn sequence(&mut self, start: Span, depth: usize) -> Result<Node, Problem> {
        let mut items: Vec<Arc<Node>> = Vec::new();
        loop {
            let step = self.next()?;
            if matches!(step.0, Event::SequenceEnd) {
                let end = self.end(&step.1, items.last().map(|item| item.span));
                return Ok(Node::list(items, Span { end, ..start }));
            }
            items.push(self.node(step, depth + 1)?);
        }
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Node, Problem> {
        let mut fields = Fields::default();
        let mut last = None;
        loop {
            let (event, mark) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                let end = self.end(&mark, last);
                return Ok(Node::map(fields, Span { end, ..start }));
            }
            let span = self.span(&mark);
            let key = self.key(event, span)?;
            let step = self.next()?;
            let node = self.node(step, depth + 1)?;
            last = Some(node.span);
            let Some(name) = key else {
                self.merge(&mut fields, &node, span)?;
                continue;
            };
            let again = fields.set(Field { name: name.clone(), key: span, node, merged: false });
            if again.is_some_and(|before| !before.merged) {
                let reason = format!("`{}` stands here again: this one counts", shown(&name));
                self.warn("DuplicateKey", span, reason, "remove one of them");
            }
        }
    }

    /// `<<`: the fields of other maps, as if they stood here; of several maps the first counts.
    fn merge(&mut self, fields: &mut Fields, node: &Node, span: Span) -> Result<(), Problem> {
        let target = node.target();
        let maps: Vec<&Node> = match &target.content {
            Content::List(items) => items.iter().rev().map(|item| item.target()).collect(),
            _ => vec![target],
        };
        for map in maps {
            let Content::Map(source) = &map.content else {
                let reason = "`<<` merges only a map, or a list of maps".to_owned();
                return Err(self.refuse(span, reason, "name a map"));
            };
            for field in source.iter() {
                let before = fields.set(Field { merged: true, ..field.clone() });
                if before.is_some_and(|before| !before.merged) {
                    let reason = format!("`<<` takes the place of `{}` before it", shown(&field.name));
                    self.warn("DuplicateKey", span, reason, "write `<<` first, and what differs after it");
                }
            }
        }
        Ok(())
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, mark: &Mark) {
        if tag.is_some_and(|tag| tagged::core(tag).is_none() && !tagged::is_plain(tag)) {
            let span = mark.tag_span().unwrap_or(*mark);
            self.warn("UnknownTag", self.span(&span), "the tag means nothing".to_owned(), "remove the tag");
        }
    }

    fn take(&mut self, weight: usize, span: Span) -> Result<(), Problem> {
        let Some(room) = self.room.checked_sub(weight) else {
            let reason =
                format!("with its aliases expanded the text comes to more than {LARGEST} bytes in memory");
            let problem = Problem::error("TooLarge", "", reason, "write less, or use fewer aliases");
            return Err(self.sources.place(span, problem));
        };
        self.room = room;
        Ok(())
    }

    fn too_deep(&self, span: Span) -> Problem {
        self.refuse(span, format!("more than {DEEPEST} levels deep"), "flatten it")
    }

    fn refuse(&self, span: Span, reason: String, way_out: &str) -> Problem {
        self.sources.place(span, Problem::error("BadYaml", "", reason, way_out))
    }

    fn warn(&mut self, code: &str, span: Span, reason: String, way_out: &str) {
        if self.warnings.len() < MOST_PROBLEMS {
            self.warnings.push(self.sources.place(span, Problem::warning(code, "", reason, way_out)));
        }
    }

    fn span(&self, mark: &Mark) -> Span {
        let start = self.offset(&mark.start);
        Span { file: self.file, start, end: self.offset(&mark.end).max(start) }
    }

    fn offset(&self, marker: &Marker) -> u32 {
        self.skipped.saturating_add(offset(marker.byte_offset().unwrap_or_default()))
    }

    /// Where a collection ends: at its bracket, or with its last part.
    fn end(&self, mark: &Mark, last: Option<Span>) -> u32 {
        let mark = self.span(mark);
        if mark.end > mark.start { mark.end } else { last.map_or(mark.start, |last| last.end) }
    }
}
