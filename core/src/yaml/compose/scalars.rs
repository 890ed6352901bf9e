//! Scalars and the names of fields.

use std::{borrow::Cow, sync::Arc};

use granit_parser::{Event, ScalarStyle, Tag};

use super::Composer;
use crate::{
    problem::Problem,
    source::{Span, TextMap},
    yaml::{
        node::{Content, NODE, Node, Origin},
        scalar::{Scalar, Style},
        shown,
        tagged::{self, Tagged},
    },
};

impl<'t> Composer<'t> {
    /// The name of a field; none for `<<`.
    pub(super) fn key(&mut self, event: Event<'t>, span: Span) -> Result<Option<String>, Problem> {
        let wrong = |this: &Self| this.refuse(span, "a key must be a string".to_owned(), "write a string");
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.take(NODE + text.len(), span)?;
                if text == "<<" && style == ScalarStyle::Plain && tag.is_none() {
                    return Ok(None);
                }
                let read = self.tagged(&text, style, tag.as_deref(), span)?;
                if anchor != 0 {
                    let node = self.of_tagged(text.to_string(), style, &read, span)?;
                    self.anchors.insert(anchor, Arc::new(node));
                }
                let key = match read {
                    Tagged::Scalar(scalar) => scalar.key(&text).ok_or_else(|| wrong(self))?,
                    Tagged::Text(text) => text,
                    Tagged::Unknown => text.to_string(),
                };
                if key != text {
                    let reason = format!("the key `{}` is read as `{}`", shown(&text), shown(&key));
                    self.warn("SurprisingKey", span, reason, "put it in quotes");
                }
                Ok(Some(key))
            }
            Event::Alias(id) => match self.anchors.get(&id).map(|node| (&node.content, node.weight)) {
                Some((Content::Text(key, _), weight)) => {
                    let key = key.clone();
                    self.take(weight, span)?;
                    Ok(Some(key))
                }
                _ => Err(wrong(self)),
            },
            _ => Err(wrong(self)),
        }
    }

    pub(super) fn scalar(
        &mut self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<Node, Problem> {
        let read = self.tagged(&text, style, tag, span)?;
        self.of_tagged(text.into_owned(), style, &read, span)
    }

    fn tagged(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<Tagged, Problem> {
        let plain = style == ScalarStyle::Plain;
        if plain && self.flow {
            self.one_word(text, span)?;
        }
        let read = tagged::read(tag, plain, text)
            .map_err(|error| self.refuse(span, error.to_string(), "fix it, or drop the tag"))?;
        if read == Tagged::Unknown {
            let reason = "the tag means nothing: read as a string".to_owned();
            self.warn("UnknownTag", span, reason, "remove the tag");
        }
        Ok(read)
    }

    /// In brackets and braces the published reader takes `a:]` for a word with a colon, and `?a` for a key. Nobody means either.
    fn one_word(&self, text: &str, span: Span) -> Result<(), Problem> {
        let end = usize::try_from(span.end - self.skipped).unwrap_or(usize::MAX);
        let after = self.text.get(end..).unwrap_or_default().trim_start_matches([' ', '\t', '\r', '\n']);
        let colon = after.strip_prefix(':').is_some_and(|after| after.starts_with([',', ']', '}']));
        let question = text.len() > 1 && text.starts_with('?');
        if !(colon || question) {
            return Ok(());
        }
        let reason =
            format!("readers differ in what `{}{}` is here", shown(text), if colon { ":" } else { "" });
        Err(self.refuse(span, reason, "put it in quotes, or a blank after the colon"))
    }

    fn of_tagged(
        &mut self,
        text: String,
        style: ScalarStyle,
        read: &Tagged,
        span: Span,
    ) -> Result<Node, Problem> {
        let scalar = match read {
            Tagged::Scalar(scalar) => scalar,
            Tagged::Unknown => &Scalar::Text,
            Tagged::Text(text) => {
                let map = TextMap::whole(text.len(), span);
                return Ok(Node::text(text.clone(), Origin::Mapped(map), span));
            }
        };
        if *scalar == Scalar::Text {
            return Ok(Node::text(text, Origin::Written(style_of(style)), span));
        }
        let Some((value, surprise)) = scalar.value(&text, self.exact) else {
            let reason = format!("`{}` is no number JSON knows", shown(&text));
            return Err(self.refuse(span, reason, "write another number"));
        };
        if let Some(what) = surprise {
            let reason = format!("`{}` is read as {what}", shown(&text));
            self.warn("SurprisingScalar", span, reason, "write it as it is meant, or in quotes");
        }
        Ok(Node::scalar(value, span))
    }
}

const fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
        ScalarStyle::Plain => Style::Plain,
    }
}
