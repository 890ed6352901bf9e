//! What takes the place of a placeholder: the values of variables, the content of files.

use std::{ops::Range, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Became, Expander, Here, Told};
use crate::{
    problem::Problem,
    source::{FileId, Sources, Span, TextMap},
    template::{
        Reading,
        directive::{Directive, Encoding, What, parse},
        embed::{Embed, Unread, is_confined, resolve, shown},
        scan::{Part, parts},
    },
    yaml::{self, Content, DEEPEST, Field, Fields, LARGEST, LONGEST_TEXT, NODE, Node, Origin},
};

impl Expander<'_> {
    pub(super) fn variable(
        &mut self,
        here: Here<'_>,
        directive: &Directive<'_>,
        name: &str,
        default: Option<&str>,
    ) -> Result<Became, Told> {
        self.used.take(name);
        let given = self.variables.get(name);
        let Some(value) = given.or(default) else {
            self.unset(name, here.span);
            return Err(Told);
        };
        self.take(value.len() + NODE, here.span)?;
        match directive.encoding {
            Encoding::Raw if given.is_none() => Ok(Became::Default(range_of(here.text, value))),
            Encoding::Raw => Ok(Became::Text(value.to_owned())),
            Encoding::Binary => Ok(Became::Text(STANDARD.encode(value))),
            Encoding::Yaml => {
                // The value itself is not shown: all that it is made of stands at the placeholder.
                let mut sources = Sources::default();
                let file = sources.add("", value);
                let part = yaml::first(&sources, file, self.room).map_err(|problem| {
                    self.of_value(name, problem, here.span);
                    Told
                })?;
                for problem in part.problems {
                    self.of_value(name, problem, here.span);
                }
                // What its aliases stand for is written out, so it may be far more than the text.
                self.take(part.root.weight, here.span)?;
                let node = relocated(&part.root, here.span);
                self.value(Arc::new(node), here)
            }
        }
    }

    /// A problem within the value of a variable, told at its placeholder.
    fn of_value(&mut self, name: &str, problem: Problem, span: Span) {
        let at = problem.place.trim_start_matches(':');
        let at = if at.is_empty() { String::new() } else { format!(", at {at}") };
        let reason = format!("in the value of `{name}`{at}: {}", problem.reason);
        self.push(span, Problem { place: String::new(), reason, spot: None, ..problem });
    }

    pub(super) fn embed(
        &mut self,
        here: Here<'_>,
        directive: &Directive<'_>,
        path: &str,
    ) -> Result<Became, Told> {
        let said = resolve(path);
        if said.absolute {
            let reason = format!(
                "paths begin at the folder of the document: `{}` is read as `{}`",
                yaml::shown(path),
                yaml::shown(&said.path)
            );
            self.warn("AbsoluteEmbed", here.span, reason, "leave the first `/` out");
        }
        if said.outside && is_confined(self.reading) {
            let reason = format!("`{}` is not below the folder of the document", yaml::shown(path));
            self.error("EmbedOutside", here.span, reason, "move the file below it");
            return Err(Told);
        }
        let shown = shown(&self.file, &said.path);
        let bytes = self.file(&said.path, &shown).map_err(|error| self.unread(&error, here.span))?;
        match directive.encoding {
            Encoding::Raw => {
                let file = self.text(&said.path, &shown, &bytes, here.span);
                let length = self.sources.get(file).map_or(0, |source| source.text.len());
                self.take(length, here.span)?;
                Ok(Became::File(file))
            }
            Encoding::Binary => {
                self.take(bytes.len().div_ceil(3).saturating_mul(4), here.span)?;
                Ok(Became::Text(STANDARD.encode(&bytes)))
            }
            Encoding::Yaml => {
                let root = match self.parsed.get(&said.path) {
                    Some(known) => known.clone().ok_or(Told)?,
                    None => self.parse(&said.path, &shown, &bytes)?,
                };
                self.take(root.weight, here.span)?;
                self.value(root, here)
            }
        }
    }

    /// The value that a file holds, for all who embed it. What is wrong with it is said once.
    fn parse(&mut self, path: &str, shown: &str, bytes: &[u8]) -> Result<Arc<Node>, Told> {
        self.parsed.insert(path.to_owned(), None);
        let text = yaml::decode(bytes.to_vec(), shown).map_err(|problem| self.within_file(problem))?;
        let file = self.sources.add(shown, text);
        let part =
            yaml::first(&self.sources, file, self.room).map_err(|problem| self.within_file(problem))?;
        for problem in part.problems {
            let _ = self.within_file(problem);
        }
        self.parsed.insert(path.to_owned(), Some(Arc::clone(&part.root)));
        Ok(part.root)
    }

    /// The content of a file, read once.
    fn file(&mut self, path: &str, shown: &str) -> Result<Arc<[u8]>, Unread> {
        if let Some(read) = self.read.get(path) {
            return read.clone();
        }
        let most = self.embeddable.min(LONGEST_TEXT);
        let file = Embed { path: path.to_owned(), confined: is_confined(self.reading), most };
        let read = self.files.read(&file, shown).and_then(|bytes| {
            self.embeddable = self
                .embeddable
                .checked_sub(bytes.len())
                .filter(|_| bytes.len() <= most)
                .ok_or_else(|| Unread::TooLarge(shown.to_owned()))?;
            Ok(Arc::from(bytes))
        });
        self.read.insert(path.to_owned(), read.clone());
        read
    }

    /// A file as a text to be embedded as it is.
    fn text(&mut self, path: &str, shown: &str, bytes: &[u8], span: Span) -> FileId {
        if let Some(file) = self.texts.get(path) {
            return *file;
        }
        if std::str::from_utf8(bytes).is_err() {
            let reason = format!("`{shown}` is no UTF-8 text: bytes are lost");
            self.warn(
                "BrokenText",
                span,
                reason,
                "embed it as `@{embed[binary]: FILE}` and decode it in the script",
            );
        }
        let text = yaml::lossy(bytes.to_vec());
        let file = self.sources.add(shown, text.as_str());
        self.texts.insert(path.to_owned(), file);
        self.not_expanded(&text, file);
        file
    }

    /// Warns of a placeholder in an embedded file that looks meant.
    fn not_expanded(&mut self, text: &str, file: FileId) {
        for part in parts(text, Reading::Published) {
            let Part::Placeholder(range) = part else { continue };
            let inside = text.get(range.start + 2..range.end - 1).unwrap_or_default();
            let Ok(Directive { what: What::Variable { name, .. }, .. }) = parse(inside, Reading::Published)
            else {
                continue;
            };
            if self.variables.get(name).is_some() {
                let start = crate::source::offset(range.start);
                let span = Span { file, start, end: crate::source::offset(range.end) };
                let reason = format!("embedded files are not searched for placeholders: `@{{{name}}}` stays");
                self.warn("NotExpanded", span, reason, "pass it to the script as the env var of an input");
                return;
            }
        }
    }

    /// A whole value in the place of a string.
    fn value(&mut self, node: Arc<Node>, here: Here<'_>) -> Result<Became, Told> {
        if here.depth + node.height > DEEPEST {
            let reason = format!("with what is put in here the document is more than {DEEPEST} levels deep");
            self.error("BadYaml", here.span, reason, "flatten it");
            return Err(Told);
        }
        Ok(Became::Value(node))
    }

    fn take(&mut self, weight: usize, span: Span) -> Result<(), Told> {
        let Some(room) = self.room.checked_sub(weight) else {
            let reason = format!(
                "with its placeholders replaced the document comes to more than {LARGEST} bytes in memory"
            );
            self.error("TooLarge", span, reason, "embed less, or put large files into the image");
            self.exhausted = true;
            return Err(Told);
        };
        self.room = room;
        Ok(())
    }
}

/// Where a part of a text stands in it.
fn range_of(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
    start..(start + part.len()).min(text.len())
}

/// The same content, all of it at one place.
fn relocated(node: &Node, span: Span) -> Node {
    match &node.content {
        Content::Scalar(value) => Node::scalar(value.clone(), span),
        Content::Text(text, _) => {
            Node::text(text.clone(), Origin::Mapped(TextMap::whole(text.len(), span)), span)
        }
        Content::List(items) => {
            Node::list(items.iter().map(|item| Arc::new(relocated(item, span))).collect(), span)
        }
        Content::Map(fields) => {
            let mut new = Fields::default();
            for field in fields.iter() {
                let node = Arc::new(relocated(&field.node, span));
                new.set(Field { key: span, node, ..field.clone() });
            }
            Node::map(new, span)
        }
        Content::Alias(target) => relocated(target, span),
    }
}
