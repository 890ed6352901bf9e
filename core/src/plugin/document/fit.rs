//! Fits what was written to the table of fields: keys in any case, unknown keys and wrong types reported all at once, and what
//! is wrong left out, so that the rest can be checked as well.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::fields::{Fields, Shape};
use crate::{
    api::Span,
    problem::{Problem, Problems},
    yaml::{self, shown},
};

/// The longest name that is taken for another one misspelt, in bytes.
const LONGEST_GUESS: usize = 40;

/// The top-level fields that mean something, by their own spelling; others are ignored, as published.
pub(crate) fn top(value: &Value, known: &[&str], problems: &mut Problems) -> Map<String, Value> {
    let Value::Object(fields) = value else {
        let way_out = "write `name:` and `spec:`";
        problems.push(Problem::error("BadPlugin", "", "the document is no map", way_out));
        return Map::new();
    };
    let mut out = Map::new();
    for (key, value) in fields {
        let name = known.iter().find(|name| name.eq_ignore_ascii_case(key));
        if let Some(name) = name.filter(|_| !value.is_null()) {
            out.insert((*name).to_owned(), value.clone());
        }
    }
    out
}

/// A map as its table says. Missing required fields are reported and filled with nothing, so that the whole can be decoded.
pub(crate) fn fit(value: Value, table: &Fields, place: &str, problems: &mut Problems) -> Map<String, Value> {
    let mut out = Map::new();
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        other => {
            problems.push(wrong(&other, "a map", place));
            Map::new()
        }
    };
    // Which spelling a field was taken from.
    let mut taken: BTreeMap<&str, String> = BTreeMap::new();
    for (key, value) in fields {
        if problems.is_full() {
            break;
        }
        let here = yaml::field(place, &key);
        let Some(field) = table.known.iter().find(|field| field.name.eq_ignore_ascii_case(&key)) else {
            problems.push(unknown(&key, table, here));
            continue;
        };
        if field.name != key {
            let reason = format!("`{key}` is read as `{}`", field.name);
            problems.push(Problem::warning(
                "KeyCase",
                here.clone(),
                reason,
                format!("write `{}`", field.name),
            ));
        }
        let here = yaml::field(place, field.name);
        if let Some(other) = taken.get(field.name) {
            // The published reader takes the one that sorts last.
            let (counts, lost) = if *other < key { (&key, other) } else { (other, &key) };
            let reason = format!("`{lost}` and `{counts}` are one field: `{counts}` counts");
            problems.push(Problem::warning("DuplicateKey", here.clone(), reason, "remove one of them"));
            if counts == other {
                continue;
            }
        }
        taken.insert(field.name, key);
        out.shift_remove(field.name);
        if value.is_null() {
            continue;
        }
        if let Some(value) = one(value, &field.shape, &here, problems) {
            out.insert(field.name.to_owned(), value);
        }
    }
    for field in table.known.iter().filter(|field| field.required) {
        if !out.contains_key(field.name) {
            let here = yaml::field(place, field.name);
            if !problems.iter().any(|problem| problem.is_error() && problem.place == here) {
                let reason = format!("`{}` is missing", field.name);
                problems.push(Problem::error("MissingField", here.clone(), reason, "add it"));
            }
            out.insert(field.name.to_owned(), nothing(&field.shape));
        }
    }
    out
}

fn one(value: Value, shape: &Shape, place: &str, problems: &mut Problems) -> Option<Value> {
    let expected = match (shape, &value) {
        (Shape::Text, Value::String(_)) | (Shape::Bool, Value::Bool(_)) | (Shape::Any, _) => {
            return Some(value);
        }
        (Shape::Count, Value::Number(number))
            if number.as_u64().is_some_and(|n| u32::try_from(n).is_ok()) =>
        {
            return Some(value);
        }
        (Shape::Duration, Value::String(text)) => match text.parse::<Span>() {
            Ok(_) => return Some(value),
            Err(error) => {
                let way_out = "write a whole number and one of s, m, h, d, w";
                problems.push(Problem::error("BadDuration", place, error.to_string(), way_out));
                return None;
            }
        },
        (Shape::Word(words), Value::String(text)) => {
            if words.contains(&text.as_str()) {
                return Some(value);
            }
            let way_out = format!("write one of `{}`", words.join("`, `"));
            problems.push(Problem::error(
                "BadWord",
                place,
                format!("`{}` means nothing here", shown(text)),
                way_out,
            ));
            return None;
        }
        (Shape::Fields(table), Value::Object(_)) => {
            return Some(Value::Object(fit(value, table, place, problems)));
        }
        (Shape::List(table), Value::Array(items)) => {
            let mut fitted = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                if problems.is_full() {
                    break;
                }
                fitted.push(Value::Object(fit(item.clone(), table, &format!("{place}[{at}]"), problems)));
            }
            return Some(Value::Array(fitted));
        }
        (Shape::Labels, Value::Object(fields)) => {
            let mut out = Map::new();
            for (key, value) in fields {
                match value {
                    Value::String(_) => {
                        out.insert(key.clone(), value.clone());
                    }
                    other => problems.push(wrong(other, "a string", &yaml::field(place, key))),
                }
            }
            return Some(Value::Object(out));
        }
        (Shape::Text | Shape::Word(_), _) => "a string",
        (Shape::Bool, _) => "true or false",
        (Shape::Count, _) => "a whole number that is not negative",
        (Shape::Duration, _) => "a duration such as `10m`",
        (Shape::Fields(_) | Shape::Labels, _) => "a map",
        (Shape::List(_), _) => "a list",
    };
    problems.push(wrong(&value, expected, place));
    None
}

/// Decodes to the emptiest value of its kind.
fn nothing(shape: &Shape) -> Value {
    match shape {
        Shape::Text | Shape::Any => json!(""),
        Shape::Bool => json!(false),
        Shape::Count => json!(0),
        Shape::Duration => json!("1h"),
        Shape::Fields(_) | Shape::Labels => json!({}),
        Shape::List(_) => json!([]),
        Shape::Word(words) => json!(words.first()),
    }
}

fn wrong(value: &Value, expected: &str, place: &str) -> Problem {
    let (what, way_out) = match value {
        Value::Null => ("nothing", "write it out"),
        Value::Bool(_) | Value::Number(_) if expected == "a string" => {
            (if value.is_boolean() { "a boolean" } else { "a number" }, "put it in quotes")
        }
        Value::Bool(_) => ("a boolean", "write it as the reference says"),
        Value::Number(_) => ("a number", "write it as the reference says"),
        Value::String(_) => ("a string", "write it as the reference says"),
        Value::Array(_) => ("a list", "write it as the reference says"),
        Value::Object(_) if expected == "a string" => ("a map", "write it as text: `|` and indented lines"),
        Value::Object(_) => ("a map", "write it as the reference says"),
    };
    Problem::error("WrongType", place, format!("this is {what}, not {expected}"), way_out)
}

fn unknown(key: &str, table: &Fields, place: String) -> Problem {
    if let Some((_, fix)) = table.old.iter().find(|(old, _)| old.eq_ignore_ascii_case(key)) {
        return Problem::error(
            "OldSpelling",
            place,
            format!("`{}` is the spelling of an old generation", shown(key)),
            *fix,
        );
    }
    let guessed = table.known.iter().filter(|_| key.len() <= LONGEST_GUESS);
    let near =
        guessed.map(|field| (distance(&key.to_lowercase(), &field.name.to_lowercase()), field.name)).min();
    let way_out = match near {
        Some((distance, name)) if distance <= 2 => format!("did you mean `{name}`?"),
        _ => {
            let names: Vec<&str> = table.known.iter().map(|field| field.name).collect();
            format!("the fields here are `{}`", names.join("`, `"))
        }
    };
    Problem::error("UnknownField", place, format!("there is no field `{}`", shown(key)), way_out)
}

/// How many letters differ, are missing or too many.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut last = i + 1;
        let mut next = vec![last];
        for ((y, above), diagonal) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            last = (above + 1).min(last + 1).min(diagonal + usize::from(x != *y));
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
