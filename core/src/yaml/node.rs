//! A document with the place of each of its parts.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{places, scalar::Style};
use crate::source::{Sources, Span, TextMap};

/// A part of a document.
#[derive(Debug, PartialEq)]
pub(crate) struct Node {
    /// Where it was written.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) content: Content,
    /// What it comes to in memory with its aliases expanded: bytes of strings and keys, and [`NODE`] for each node.
    pub(crate) weight: usize,
    /// How many levels it is high; a scalar is none.
    pub(crate) height: usize,
}

/// What a node weighs beside its text.
pub(crate) const NODE: usize = 128;

/// What a part of a document is.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    /// Null, a boolean or a number.
    Scalar(Value),
    /// A string, and how its bytes lead back to their places.
    Text(String, Origin),
    /// A list.
    List(Vec<Arc<Node>>),
    /// A map.
    Map(Fields),
    /// What an alias stands for.
    Alias(Arc<Node>),
}

/// Where the bytes of a string come from.
#[derive(Debug, PartialEq)]
pub(crate) enum Origin {
    /// They stand in the span, written in this style.
    Written(Style),
    /// From several places.
    Mapped(TextMap),
    /// The same, with a placeholder in it that could not be replaced: the string is not what was meant.
    Failed(TextMap),
}

/// The fields of a map, in order.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fields {
    entries: Vec<Field>,
    /// By name.
    exact: BTreeMap<String, usize>,
    /// By name in lower case. Of names that differ in case only, the published reader takes the one that sorts last.
    folded: BTreeMap<String, usize>,
}

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) key: Span,
    pub(crate) node: Arc<Node>,
    /// Whether a `<<` brought it.
    pub(crate) merged: bool,
}

impl Fields {
    /// Sets a field; the answer is the one that it replaces.
    pub(crate) fn set(&mut self, field: Field) -> Option<Field> {
        if let Some(there) = self.exact.get(&field.name).and_then(|at| self.entries.get_mut(*at)) {
            return Some(std::mem::replace(there, field));
        }
        let at = self.entries.len();
        self.exact.insert(field.name.clone(), at);
        let rival = self.folded.entry(field.name.to_lowercase()).or_insert(at);
        if self.entries.get(*rival).is_some_and(|rival| rival.name < field.name) {
            *rival = at;
        }
        self.entries.push(field);
        None
    }

    /// The fields, in order of their first mention.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.entries.iter()
    }

    /// The field whose name a path begins with, in any case, and the rest of the path.
    fn find<'p>(&self, path: &'p str) -> Option<(&Field, &'p str)> {
        let mut head = path;
        loop {
            let (name, at) = self.folded.range(..=head.to_owned()).next_back()?;
            if let Some(rest) = path.strip_prefix(name.as_str())
                && (rest.is_empty() || rest.starts_with(['.', '[', ':']))
            {
                return Some((self.entries.get(*at)?, rest));
            }
            // No longer name can be a prefix than what the two have in common.
            let common = name.char_indices().zip(head.chars()).take_while(|((_, a), b)| a == b);
            let mut end = common.last().map_or(0, |((at, c), _)| at + c.len_utf8());
            if end == name.len() {
                end = name.char_indices().next_back().map_or(0, |(at, _)| at);
            }
            head = head.get(..end)?;
            if head.is_empty() {
                return None;
            }
        }
    }
}

impl Node {
    /// A scalar that is no string.
    pub(crate) fn scalar(value: Value, span: Span) -> Self {
        Self { span, content: Content::Scalar(value), weight: NODE, height: 0 }
    }

    /// A string.
    pub(crate) fn text(text: String, origin: Origin, span: Span) -> Self {
        let weight = NODE + text.len();
        Self { span, content: Content::Text(text, origin), weight, height: 0 }
    }

    /// A list.
    pub(crate) fn list(items: Vec<Arc<Self>>, span: Span) -> Self {
        let weight = items.iter().fold(NODE, |sum, item| sum.saturating_add(item.weight));
        let height = items.iter().map(|item| item.height).max().unwrap_or(0) + 1;
        Self { span, content: Content::List(items), weight, height }
    }

    /// A map.
    pub(crate) fn map(fields: Fields, span: Span) -> Self {
        let weigh = |field: &Field| NODE + field.name.len() + field.node.weight;
        let weight = fields.iter().fold(NODE, |sum, field| sum.saturating_add(weigh(field)));
        let height = fields.iter().map(|field| field.node.height).max().unwrap_or(0) + 1;
        Self { span, content: Content::Map(fields), weight, height }
    }

    /// What an alias at `span` stands for.
    pub(crate) fn alias(target: Arc<Self>, span: Span) -> Self {
        Self { span, weight: target.weight, height: target.height, content: Content::Alias(target) }
    }

    /// The same content, as JSON has it.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::Text(text, _) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(|item| item.value()).collect(),
            Content::Map(fields) => {
                let fields = fields.iter().map(|field| (field.name.clone(), field.node.value()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Content::Alias(target) => target.value(),
        }
    }

    /// What an alias stands for, or the node itself.
    pub(crate) fn target(&self) -> &Self {
        match &self.content {
            Content::Alias(target) => target.target(),
            _ => self,
        }
    }

    /// How the bytes of a string lead back to their places.
    pub(crate) fn text_map(&self, sources: &Sources) -> Option<TextMap> {
        let target = self.target();
        match &target.content {
            Content::Text(text, Origin::Written(style)) => {
                let source = sources.get(target.span.file).map_or("", |source| &source.text);
                Some(places::of(source, target.span, *style, text))
            }
            Content::Text(_, Origin::Mapped(map) | Origin::Failed(map)) => Some(map.clone()),
            _ => None,
        }
    }

    /// The part that a path leads to, or the nearest around it. Paths are in lower case.
    pub(super) fn find(&self, path: &str) -> Found<'_> {
        let mut found = Found { key: None, node: self, whole: false };
        let mut rest = path;
        loop {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            if rest.is_empty() {
                return Found { whole: true, ..found };
            }
            match &found.node.target().content {
                Content::Map(fields) => {
                    let Some((field, after)) = fields.find(rest) else { return found };
                    found = Found { key: Some(field.key), node: &field.node, whole: false };
                    rest = after;
                }
                Content::List(items) => {
                    let index = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                    let item = index.and_then(|(index, _)| items.get(index.parse::<usize>().ok()?));
                    let (Some(item), Some((_, after))) = (item, index) else { return found };
                    found = Found { key: None, node: item, whole: false };
                    rest = after;
                }
                // What follows a colon is a path within the text, which only the text's own reader knows.
                Content::Text(..) if rest.starts_with(':') => return Found { whole: true, ..found },
                _ => return found,
            }
        }
    }
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'n> {
    /// The key, where it is a field.
    pub(super) key: Option<Span>,
    /// The part.
    pub(super) node: &'n Node,
    /// Whether this is it, and not only what is around it.
    pub(super) whole: bool,
}
