//! Replaces the placeholders of a document, and keeps the place of every byte.

mod content;
mod told;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use super::{
    Reading,
    directive::{Encoding, What, parse},
    embed::{Files, Unread},
    scan::{Part, parts},
    variables::{Used, Variables},
};
use crate::{
    problem::Problems,
    source::{FileId, Sources, Span, TextMap},
    yaml::{self, Content, Document, Field, Fields, LARGEST, Node, Origin},
};

/// The most bytes that the embedded files of a document may have together.
pub const MOST_EMBEDDED: usize = 16 << 20;

/// The document with its placeholders replaced, `sources` and places included. Whatever is wrong, or worth a warning, is added
/// to its problems; placeholders that cannot be replaced stay, and are marked so that nothing further is said about them.
pub fn expand(
    document: &Document,
    variables: &Variables,
    reading: Reading,
    files: &mut dyn Files,
    used: &mut Used,
) -> Document {
    let mut expander = Expander {
        variables,
        reading,
        files,
        file: document.file().to_owned(),
        sources: document.sources.clone(),
        room: LARGEST.saturating_sub(document.root.weight),
        exhausted: false,
        embeddable: MOST_EMBEDDED,
        used,
        unset: BTreeMap::new(),
        read: BTreeMap::new(),
        texts: BTreeMap::new(),
        parsed: BTreeMap::new(),
        problems: Problems::default(),
        said: BTreeSet::new(),
    };
    let root = expander.node(&document.root, 0);
    expander.tell_unset();
    let mut problems = document.problems.clone();
    problems.extend(expander.problems.into_vec());
    let sources = expander.sources;
    match root {
        Some(root) => Document { value: root.value(), problems, sources, root },
        None => Document { problems, sources, ..document.clone() },
    }
}

struct Expander<'a> {
    variables: &'a Variables,
    reading: Reading,
    files: &'a mut dyn Files,
    /// Name of the document's file.
    file: String,
    sources: Sources,
    /// How much more the document may come to.
    room: usize,
    /// Whether there was not enough of it once.
    exhausted: bool,
    /// How much more may be embedded.
    embeddable: usize,
    used: &'a mut Used,
    /// Variables without a value, and where they are wanted.
    unset: BTreeMap<String, Vec<Span>>,
    /// Files by path.
    read: BTreeMap<String, Result<Arc<[u8]>, Unread>>,
    /// The same as texts that are embedded as they are.
    texts: BTreeMap<String, FileId>,
    /// The same as values; none where they cannot be read.
    parsed: BTreeMap<String, Option<Arc<Node>>>,
    problems: Problems,
    /// What was said where: what an alias repeats is said once.
    said: BTreeSet<(Option<Span>, String)>,
}

/// What a placeholder becomes.
enum Became {
    /// Any value, in the place of the whole string.
    Value(Arc<Node>),
    /// Text from elsewhere.
    Text(String),
    /// Text that stands in the string itself.
    Default(Range<usize>),
    /// Text that is all of an embedded file.
    File(FileId),
}

/// A string that is being made, and where its bytes come from.
struct Made {
    text: String,
    places: TextMap,
    failed: bool,
}

impl Made {
    /// Goes on with a stretch of the string that it is made of.
    fn keep(&mut self, text: &str, range: Range<usize>, map: &TextMap) {
        self.text.push_str(text.get(range.clone()).unwrap_or_default());
        self.places.push_mapped(range, map);
    }

    /// Goes on with text that comes from a place as a whole.
    fn put(&mut self, text: &str, span: Span) {
        self.text.push_str(text);
        self.places.push_whole(text.len(), span);
    }

    /// Goes on with all of a file.
    fn embed(&mut self, sources: &Sources, file: FileId) {
        let Some(source) = sources.get(file) else { return };
        self.text.push_str(&source.text);
        self.places.push_verbatim(source.text.len(), Span { file, start: 0, end: 0 });
    }
}

/// That it was said what is wrong.
struct Told;

/// One placeholder.
#[derive(Clone, Copy)]
struct Here<'t> {
    /// The string, and the placeholder within it.
    text: &'t str,
    inside: &'t str,
    /// Where it stands.
    span: Span,
    /// Whether it is the whole string.
    whole: bool,
    depth: usize,
}

impl Expander<'_> {
    /// The part with its placeholders replaced; none where there are none.
    fn node(&mut self, node: &Arc<Node>, depth: usize) -> Option<Arc<Node>> {
        match &node.content {
            Content::Scalar(_) => None,
            Content::Text(text, _) if !text.contains("@{") => None,
            Content::Text(text, _) => self.string(node, text, depth),
            Content::List(items) => {
                let new: Vec<_> = items.iter().map(|item| self.node(item, depth + 1)).collect();
                new.iter().any(Option::is_some).then(|| {
                    let items =
                        new.into_iter().zip(items).map(|(new, old)| new.unwrap_or_else(|| Arc::clone(old)));
                    Arc::new(Node::list(items.collect(), node.span))
                })
            }
            Content::Map(fields) => {
                let (mut new, mut changed) = (Fields::default(), false);
                for field in fields.iter() {
                    self.key(field);
                    let value = self.node(&field.node, depth + 1);
                    changed |= value.is_some();
                    let value = value.unwrap_or_else(|| Arc::clone(&field.node));
                    new.set(Field { node: value, ..field.clone() });
                }
                changed.then(|| Arc::new(Node::map(new, node.span)))
            }
            Content::Alias(target) => {
                let target = self.node(target, depth)?;
                Some(Arc::new(Node::alias(target, node.span)))
            }
        }
    }

    fn key(&mut self, field: &Field) {
        if field.name.contains("@{") && super::has_placeholder(&field.name) {
            let reason = "names of fields are not searched for placeholders: it stays as it is";
            self.warn("PlaceholderInKey", field.key, reason, "write the name out");
        }
    }

    fn string(&mut self, node: &Arc<Node>, text: &str, depth: usize) -> Option<Arc<Node>> {
        let found = parts(text, self.reading);
        if found.iter().all(|part| matches!(part, Part::Text(_))) {
            return None;
        }
        let map = node.text_map(&self.sources)?;
        let whole = matches!(found.as_slice(), [Part::Placeholder(_)]);
        let span = node.target().span;
        let mut made =
            Made { text: String::with_capacity(text.len()), places: TextMap::new(span), failed: false };
        for part in found {
            match part {
                Part::Text(range) => made.keep(text, range, &map),
                Part::Escape(range) => {
                    let span = map.span(range.clone());
                    let kept = text.get(range.start..range.start + range.len() / 2).unwrap_or_default();
                    made.put(kept, span);
                }
                Part::Open(range) => {
                    self.open(map.span(range.clone()));
                    made.keep(text, range, &map);
                }
                Part::Placeholder(range) => {
                    let span = map.span(range.clone());
                    self.no_escape(text, range.start, span);
                    let inside = text.get(range.start + 2..range.end - 1).unwrap_or_default();
                    match self.placeholder(Here { text, inside, span, whole, depth }) {
                        Ok(Became::Value(value)) => return Some(value),
                        Ok(Became::Text(value)) => made.put(&value, span),
                        Ok(Became::Default(range)) => made.keep(text, range, &map),
                        Ok(Became::File(file)) => made.embed(&self.sources, file),
                        Err(Told) => {
                            made.failed = true;
                            made.keep(text, range, &map);
                        }
                    }
                }
            }
        }
        let origin = if made.failed { Origin::Failed(made.places) } else { Origin::Mapped(made.places) };
        Some(Arc::new(Node::text(made.text, origin, span)))
    }

    /// What takes the place of one placeholder.
    fn placeholder(&mut self, here: Here<'_>) -> Result<Became, Told> {
        if self.exhausted || self.problems.is_full() {
            return Err(Told);
        }
        let directive = parse(here.inside, self.reading).map_err(|error| self.syntax(&error, here.span))?;
        if !directive.ignored.trim().is_empty() {
            let reason = format!("`{}` behind the bracket means nothing", yaml::shown(directive.ignored));
            self.warn("IgnoredText", here.span, reason, "remove it");
        }
        if directive.encoding != Encoding::Raw && !here.whole {
            let reason = format!(
                "invalid encoding: embed {} does not work as part of a larger string",
                directive.encoding.name()
            );
            let way_out = "make the placeholder the whole string, or leave the encoding out";
            self.error("BadEncoding", here.span, reason, way_out);
            self.used.unreadable();
            return Err(Told);
        }
        match directive.what {
            What::Variable { name, default } => self.variable(here, &directive, name, default),
            What::Embed { path } => self.embed(here, &directive, path),
        }
    }
}
