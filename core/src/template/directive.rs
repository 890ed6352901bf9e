//! What stands between `@{` and `}`.

use super::{Reading, quote::quote};

/// What takes the place of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directive<'t> {
    pub(super) what: What<'t>,
    pub(super) encoding: Encoding,
    /// What stands behind the bracket and means nothing.
    pub(super) ignored: &'t str,
}

/// Where the content comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What<'t> {
    /// A variable, with the value that it has where none is given.
    Variable { name: &'t str, default: Option<&'t str> },
    /// A file.
    Embed { path: &'t str },
}

/// What the content becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Text.
    Raw,
    /// The value that the text is as YAML.
    Yaml,
    /// Text in base64.
    Binary,
}

/// Why it is no directive, in the words of the published tools.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SyntaxError {
    /// Neither a variable nor an operation.
    #[error("invalid variable name: {}", quote(.0))]
    Variable(String),
    /// An operation that is not there.
    #[error("error parsing template: unsupported operation: {}", quote(.0))]
    Operation(String),
    /// A bracket without its other half.
    #[error("{}invalid op spec: {} imbalanced '[]'", prefix(*.operation, .text), quote(.text))]
    Unbalanced {
        /// Whether it is about an operation.
        operation: bool,
        /// What stands before the colon.
        text: String,
    },
    /// Another encoding than the three.
    #[error("{}unrecognized template op type: {}", prefix(*.operation, .text), quote(.encoding))]
    Encoding {
        /// Whether it is about an operation.
        operation: bool,
        /// What stands before the colon.
        text: String,
        /// What stands in the brackets.
        encoding: String,
    },
}

fn prefix(operation: bool, text: &str) -> String {
    if operation { format!("error parsing {}: ", quote(text)) } else { String::new() }
}

impl Encoding {
    /// As it is written.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Yaml => "yaml",
            Self::Binary => "binary",
        }
    }
}

/// Reads the inside of a placeholder.
pub(super) fn parse(inside: &str, reading: Reading) -> Result<Directive<'_>, SyntaxError> {
    let spec = inside.trim();
    let Some((head, rest)) = spec.split_once(':') else {
        return variable(spec, spec, None);
    };
    let (head, rest) = (head.trim(), rest.trim());
    if let (Reading::Strict, Some(default)) = (reading, rest.strip_prefix('-'))
        && name_of(head) != "embed"
    {
        return variable(head, spec, Some(default.trim()));
    }
    let (encoding, ignored) = encoding(head, true)?;
    match name_of(head) {
        "embed" => Ok(Directive { what: What::Embed { path: rest }, encoding, ignored }),
        _ => Err(SyntaxError::Operation(head.to_owned())),
    }
}

fn variable<'t>(head: &'t str, spec: &str, default: Option<&'t str>) -> Result<Directive<'t>, SyntaxError> {
    let name = name_of(head);
    if !is_variable(name) {
        return Err(SyntaxError::Variable(spec.to_owned()));
    }
    let (encoding, ignored) = encoding(head, false)?;
    Ok(Directive { what: What::Variable { name, default }, encoding, ignored })
}

/// `^[a-zA-Z][a-zA-Z0-9_.-]*$`
pub(super) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// What stands before the first bracket.
fn name_of(head: &str) -> &str {
    head.split('[').next().unwrap_or_default()
}

/// What stands between the first `[` and the last `]`, and what behind it.
fn encoding(head: &str, operation: bool) -> Result<(Encoding, &str), SyntaxError> {
    let Some((_, rest)) = head.split_once('[') else { return Ok((Encoding::Raw, "")) };
    let Some((inside, ignored)) = rest.rsplit_once(']') else {
        return Err(SyntaxError::Unbalanced { operation, text: head.to_owned() });
    };
    let encoding = match inside.trim() {
        "raw" => Encoding::Raw,
        "yaml" => Encoding::Yaml,
        "binary" => Encoding::Binary,
        other => {
            let (text, encoding) = (head.to_owned(), other.to_owned());
            return Err(SyntaxError::Encoding { operation, text, encoding });
        }
    };
    Ok((encoding, ignored))
}
