//! From the parser's events to values with places.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::{
    DEEPEST, Document, LARGEST, LONGEST_TEXT, Marks, field,
    scalar::{Scalar, resolve},
};
use crate::problem::Problem;

/// The documents of a text, or only the first.
pub(super) fn compose(text: &str, file: &str, only_first: bool) -> Result<Vec<Document>, Problem> {
    if text.len() > LONGEST_TEXT {
        return Err(Problem::error(
            "TooLarge",
            file,
            format!("the text is {} bytes long, the limit is {LONGEST_TEXT}", text.len()),
            "split it",
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut composer = Composer {
        parser: Parser::new_from_str_with_options(text, options()),
        file,
        text,
        anchors: BTreeMap::new(),
        room: LARGEST,
        marks: Marks::new(),
        warnings: Vec::new(),
    };
    match composer.documents(only_first) {
        // JSON knows an escape (surrogate pairs) and layouts (tabs) that YAML does not.
        Err(problem) if text.trim_start().starts_with(['{', '[']) => match serde_json::from_str(text) {
            Ok(value) if depth(&value) <= DEEPEST => {
                Ok(vec![Document { value, warnings: vec![], file: file.to_owned(), marks: Marks::new() }])
            }
            _ => Err(problem),
        },
        answer => answer,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn options() -> granit_parser::Options {
    let mut options = granit_parser::Options::default();
    // As libyaml, which the published readers descend from.
    options.block_scalar_eof_without_line_feed = true;
    options.emit_comments = false;
    options
}

struct Composer<'t> {
    parser: Parser<'t, StrInput<'t>>,
    file: &'t str,
    text: &'t str,
    /// Anchored values with what they weigh when expanded.
    anchors: BTreeMap<usize, (Value, usize)>,
    /// How much more the text may come to.
    room: usize,
    marks: Marks,
    warnings: Vec<Problem>,
}

type Step<'t> = (Event<'t>, Span);

impl<'t> Composer<'t> {
    fn documents(&mut self, only_first: bool) -> Result<Vec<Document>, Problem> {
        let mut documents: Vec<Document> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(documents),
                Event::DocumentStart(..) => {
                    if let (true, Some(first)) = (only_first, documents.first_mut()) {
                        let place = place(self.file, &span);
                        first.warnings.push(Problem::warning(
                            "FurtherDocument",
                            place,
                            "only the first document is read",
                            "put the others into files of their own",
                        ));
                        return Ok(documents);
                    }
                    let node = self.next()?;
                    let value = self.node(node, "", 0)?;
                    self.anchors.clear();
                    documents.push(Document {
                        value,
                        warnings: std::mem::take(&mut self.warnings),
                        file: self.file.to_owned(),
                        marks: std::mem::take(&mut self.marks),
                    });
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<Step<'t>, Problem> {
        match self.parser.next_event() {
            Some(Ok(step)) => Ok(step),
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Err(error)) => {
                let marker = error.marker();
                let line = self.text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
                let way_out = match line.chars().nth(marker.col()) {
                    Some('@' | '`' | '%') => "put the value in quotes",
                    Some('\t') => "indent with spaces",
                    _ => "fix the syntax here or just before",
                };
                let place = format!("{}:{}:{}", self.file, marker.line(), marker.col() + 1);
                Err(Problem::error("BadYaml", place, error.info().to_lowercase(), way_out))
            }
        }
    }

    fn node(&mut self, (event, span): Step<'t>, path: &str, depth: usize) -> Result<Value, Problem> {
        if depth > DEEPEST {
            return Err(self.refuse(&span, format!("more than {DEEPEST} levels deep"), "flatten it"));
        }
        self.marks.entry(path.to_lowercase()).or_insert_with(|| (span.start.line(), span.start.col() + 1));
        let before = self.room;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.take(16 + text.len(), &span)?;
                (self.scalar(&text, style, tag.as_deref(), &span)?, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.take(16, &span)?;
                (self.sequence(path, depth)?, anchor)
            }
            Event::MappingStart(_, anchor, _) => {
                self.take(16, &span)?;
                (self.mapping(path, depth)?, anchor)
            }
            Event::Alias(id) => {
                let Some((value, weight)) = self.anchors.get(&id).cloned() else {
                    return Err(self.refuse(
                        &span,
                        "an alias inside its own anchor".to_owned(),
                        "write it out",
                    ));
                };
                self.take(weight, &span)?;
                return Ok(value);
            }
            _ => return Err(self.refuse(&span, "a value is missing".to_owned(), "write one")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), before.saturating_sub(self.room)));
        }
        Ok(value)
    }

    fn sequence(&mut self, path: &str, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            let step = self.next()?;
            if matches!(step.0, Event::SequenceEnd) {
                return Ok(Value::Array(items));
            }
            let path = format!("{path}[{}]", items.len());
            items.push(self.node(step, &path, depth + 1)?);
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Value, Problem> {
        let mut fields = Map::new();
        let mut merged: Vec<(Value, Span)> = Vec::new();
        loop {
            let step = self.next()?;
            let (event, span) = step;
            let (text, style, tag) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, _, tag) => (text, style, tag),
                _ => return Err(self.refuse(&span, "a key must be a string".to_owned(), "write a string")),
            };
            self.take(16 + text.len(), &span)?;
            if text == "<<" && style == ScalarStyle::Plain {
                let step = self.next()?;
                merged.push((self.node(step, &field(path, "<<"), depth + 1)?, span));
                continue;
            }
            let key = self.key(&text, style, tag.as_deref(), &span)?;
            let path = field(path, &key);
            self.marks.insert(path.to_lowercase(), (span.start.line(), span.start.col() + 1));
            let step = self.next()?;
            let value = self.node(step, &path, depth + 1)?;
            if fields.insert(key.clone(), value).is_some() {
                self.warn(
                    "DuplicateKey",
                    &span,
                    format!("`{key}` stands here again: this one counts"),
                    "remove one of them",
                );
            }
        }
        for (value, span) in merged {
            let sources = match value {
                Value::Array(items) => items,
                value => vec![value],
            };
            for source in sources {
                let Value::Object(source) = source else {
                    return Err(self.refuse(&span, "`<<` merges only maps".to_owned(), "name a map"));
                };
                for (key, value) in source {
                    if !fields.contains_key(&key) {
                        fields.insert(key, value);
                    }
                }
            }
        }
        Ok(Value::Object(fields))
    }

    fn key(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<String, Problem> {
        let key = match self.scalar(text, style, tag, span)? {
            Value::String(key) => return Ok(key),
            Value::Null => "null".to_owned(),
            value => value.to_string(),
        };
        if key != text {
            self.warn(
                "SurprisingKey",
                span,
                format!("the key `{text}` is read as `{key}`"),
                "put it in quotes",
            );
        }
        Ok(key)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Value, Problem> {
        let string = || Value::String(text.to_owned());
        let resolved = match tag.map(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:")) {
            None if style == ScalarStyle::Plain => resolve(text),
            Some(Some(known)) if matches!(&*known, "int" | "float" | "bool" | "null") => resolve(text),
            Some(Some(known)) if known == "binary" => {
                let compact: String = text.split_ascii_whitespace().collect();
                let Ok(bytes) = STANDARD.decode(compact) else {
                    return Err(self.refuse(
                        span,
                        "not base64".to_owned(),
                        "fix it, or drop the tag `!!binary`",
                    ));
                };
                return Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()));
            }
            None | Some(Some(_)) => return Ok(string()),
            Some(None) => {
                self.warn(
                    "UnknownTag",
                    span,
                    "the tag means nothing: read as a string".to_owned(),
                    "remove the tag",
                );
                return Ok(string());
            }
        };
        match resolved {
            Scalar::Value(value, None) => Ok(value),
            Scalar::Value(value, Some(what)) => {
                let way_out = "write it as it is meant, or in quotes";
                self.warn("SurprisingScalar", span, format!("`{text}` is read as {what}"), way_out);
                Ok(value)
            }
            Scalar::NotJson => {
                Err(self.refuse(span, format!("`{text}` is no number JSON knows"), "write another number"))
            }
        }
    }

    fn take(&mut self, weight: usize, span: &Span) -> Result<(), Problem> {
        let Some(room) = self.room.checked_sub(weight) else {
            let place = place(self.file, span);
            let reason = format!("with its aliases expanded the text comes to more than {LARGEST} bytes");
            return Err(Problem::error("TooLarge", place, reason, "write less, or use fewer aliases"));
        };
        self.room = room;
        Ok(())
    }

    fn refuse(&self, span: &Span, reason: String, way_out: &str) -> Problem {
        Problem::error("BadYaml", place(self.file, span), reason, way_out)
    }

    fn warn(&mut self, code: &str, span: &Span, reason: String, way_out: &str) {
        self.warnings.push(Problem::warning(code, place(self.file, span), reason, way_out));
    }
}

fn place(file: &str, span: &Span) -> String {
    format!("{file}:{}:{}", span.start.line(), span.start.col() + 1)
}
