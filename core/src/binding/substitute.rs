//! `$(…)` in params and in `value` env vars. Total, and never reads its own output again.

use std::borrow::Cow;

/// What `$(…)` may stand for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// `$(sandbox)`.
    pub sandbox: &'a str,
    /// `$(namespace)`.
    pub namespace: &'a str,
    /// `$(workload)`; none outside Workload and Pod scope.
    pub workload: Option<&'a str>,
}

impl<'a> Names<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        match name {
            "sandbox" => Some(self.sandbox),
            "namespace" => Some(self.namespace),
            "workload" => self.workload,
            _ => None,
        }
    }
}

/// A piece of a text.
enum Piece<'t> {
    Plain(&'t str),
    /// `$$`.
    Dollar,
    /// `$(name)`; the name and the whole reference.
    Name(&'t str, &'t str),
}

/// Splits at `$$` and `$(…)`, left to right. A dollar that begins neither is plain.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = rest.find('$').unwrap_or(rest.len());
        let (head, tail) = rest.split_at_checked(at)?;
        if !head.is_empty() {
            rest = tail;
            return Some(Piece::Plain(head));
        }
        let piece = if tail.is_empty() {
            return None;
        } else if tail.starts_with("$$") {
            Piece::Dollar
        } else if let Some((name, _)) = tail.strip_prefix("$(").and_then(|inner| inner.split_once(')')) {
            Piece::Name(name, tail.get(..name.len() + 3).unwrap_or(tail))
        } else {
            Piece::Plain("$")
        };
        let length = match &piece {
            Piece::Plain(text) | Piece::Name(_, text) => text.len(),
            Piece::Dollar => 2,
        };
        rest = tail.get(length..).unwrap_or_default();
        Some(piece)
    })
}

/// A param's value: names replaced, `$$` turned into a dollar. Refuses a name there is none of, and tells it.
pub fn param<'t>(text: &'t str, names: Names<'_>) -> Result<Cow<'t, str>, &'t str> {
    if !text.contains('$') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len() + 32);
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Dollar => out.push('$'),
            Piece::Name(name, _) => out.push_str(names.get(name).ok_or(name)?),
        }
    }
    Ok(Cow::Owned(out))
}

/// The value of an env var: `$(sandbox)` and `$(namespace)` replaced; `$(VAR)` and `$$` are left for the kubelet.
pub fn env<'t>(text: &'t str, names: Names<'_>) -> Cow<'t, str> {
    if !text.contains("$(") {
        return Cow::Borrowed(text);
    }
    let names = Names { workload: None, ..names };
    let mut out = String::with_capacity(text.len() + 32);
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Dollar => out.push_str("$$"),
            Piece::Name(name, whole) => out.push_str(names.get(name).unwrap_or(whole)),
        }
    }
    Cow::Owned(out)
}

/// The value of an env var from where `$(sandbox)` and `$(namespace)` are no names, so that they stand for nothing here either.
pub fn shield(text: &str) -> Cow<'_, str> {
    let known = |name: &str| matches!(name, "sandbox" | "namespace");
    if !used(text).any(known) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Dollar => out.push_str("$$"),
            Piece::Name(name, whole) => {
                out.push_str(if known(name) { "$" } else { "" });
                out.push_str(whole);
            }
        }
    }
    Cow::Owned(out)
}

/// What the kubelet makes of a value: `$(VAR)` replaced where the variable is known, `$$` turned into a dollar.
pub fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            Piece::Dollar => out.push('$'),
            Piece::Name(name, whole) => match lookup(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(whole),
            },
        }
    }
    out
}

/// The names that a param's text uses.
pub fn used(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Name(name, _) => Some(name),
        Piece::Plain(_) | Piece::Dollar => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: Names<'static> = Names { sandbox: "pr-1", namespace: "shop", workload: Some("orders") };

    #[test]
    fn params_know_three_names_and_the_dollar() {
        for (text, expected) in [
            ("plain", Ok("plain")),
            ("", Ok("")),
            ("$(sandbox)-$(namespace)-$(workload)", Ok("pr-1-shop-orders")),
            ("$$(sandbox)", Ok("$(sandbox)")),
            ("$$$(sandbox)$$", Ok("$pr-1$")),
            ("5$ and $x and $(", Ok("5$ and $x and $(")),
            ("$(sandbox", Ok("$(sandbox")),
            ("é$(sandbox)é", Ok("épr-1é")),
            ("$(other)", Err("other")),
            ("$()", Err("")),
            ("$(Sandbox)", Err("Sandbox")),
            ("$($(sandbox))", Err("$(sandbox")),
        ] {
            assert_eq!(param(text, NAMES).as_deref(), expected.as_deref(), "{text}");
        }
        assert_eq!(param("$(workload)", Names { workload: None, ..NAMES }), Err("workload"));
    }

    #[test]
    fn env_values_leave_everything_else_to_the_kubelet() {
        for (text, expected) in [
            ("url=$(DATABASE_URL)&app=$(sandbox)", "url=$(DATABASE_URL)&app=pr-1"),
            ("$$(sandbox)", "$$(sandbox)"),
            ("$$$(namespace)", "$$shop"),
            ("$(workload)", "$(workload)"),
            ("$$", "$$"),
            ("$(", "$("),
        ] {
            assert_eq!(env(text, NAMES), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_a_name_stands_for_is_never_expanded_again(
            text in r"([$()a-z]|\$\(sandbox\)|\$\$|é){0,12}",
            value in r"[$()a-z]{0,12}",
        ) {
            let names = Names { sandbox: &value, namespace: "$(sandbox)", workload: Some("$$") };
            let marked = Names { sandbox: "\u{1}", namespace: "\u{2}", workload: Some("\u{3}") };
            let later = |text: &str| {
                text.chars().map(|c| match c {
                    '\u{1}' => value.clone(),
                    '\u{2}' => "$(sandbox)".to_owned(),
                    '\u{3}' => "$$".to_owned(),
                    c => c.to_string(),
                }).collect::<String>()
            };
            prop_assert_eq!(
                param(&text, names).map(Cow::into_owned),
                param(&text, marked).map(|text| later(&text))
            );
            prop_assert_eq!(env(&text, names).into_owned(), later(&env(&text, marked)));
        }
    }
}
