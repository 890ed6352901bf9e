//! A schema as a list of fields and a list of rules.

use serde_json::Value;

/// A field as a row shows it.
pub(super) struct Field {
    /// From the root, `[]` for the items of a list, `{}` for the values of a map.
    pub(super) path: String,
    /// Type and bounds.
    pub(super) type_: String,
    /// What holds when it is left out.
    pub(super) default: String,
    pub(super) meaning: String,
    pub(super) required: bool,
}

/// Types of Kubernetes that have documentation of their own: named, not shown.
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "matchExpressions",
        "label selector",
        "https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/",
    ),
    (
        "lastTransitionTime",
        "condition",
        "https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/condition/",
    ),
];

/// Every field below the root, parents first.
pub(super) fn fields(schema: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    below(schema, "", &mut fields, &mut Vec::new());
    fields
}

/// What has the fields of something `shown` already only says so.
fn below<'a>(schema: &'a Value, path: &str, fields: &mut Vec<Field>, shown: &mut Vec<(&'a Value, String)>) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let mut field = field(&path, property, required.contains(&name.as_str()));
        let (inner, deep) = inside(property, path);
        let like = shown.iter().find(|(other, _)| other["properties"] == inner["properties"]);
        let like = like.map(|(_, there)| there.clone());
        if let Some(there) = &like {
            field.type_ = format!("{} like `{there}`", field.type_);
        }
        if field.path.contains('.') {
            fields.push(field);
        }
        if known(inner).is_none() && like.is_none() && inner["properties"].is_object() {
            below(inner, &deep, fields, shown);
            shown.push((inner, deep));
        }
    }
}

/// Through lists and maps to what they hold.
fn inside(mut schema: &Value, mut path: String) -> (&Value, String) {
    loop {
        if schema["items"].is_object() {
            schema = &schema["items"];
            path.push_str("[]");
        } else if schema["additionalProperties"].is_object() {
            schema = &schema["additionalProperties"];
            path.push_str("{}");
        } else {
            return (schema, path);
        }
    }
}

fn field(path: &str, schema: &Value, required: bool) -> Field {
    let description = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    let (meaning, mut default) = parted(&description);
    if default.is_empty() {
        default = match &schema["default"] {
            Value::String(text) if !text.is_empty() => format!("`{text}`"),
            Value::Number(number) => format!("`{number}`"),
            Value::Bool(truth) => format!("`{truth}`"),
            _ => String::new(),
        };
    }
    Field { path: path.to_owned(), type_: type_of(schema), default, meaning, required }
}

/// A description without the sentence that tells the default, and that.
fn parted(description: &str) -> (String, String) {
    let mut meaning = Vec::new();
    let mut default = String::new();
    for sentence in description.split_inclusive(". ").map(str::trim) {
        let value = ["Default: ", "Default "].iter().find_map(|lead| sentence.strip_prefix(lead));
        let prose = sentence.strip_prefix("Left out: ");
        match value.or(prose).map(|told| told.trim_end_matches('.')) {
            // A value stands as it is written; what is a sentence, or marked already, does not.
            Some(told) if prose.is_none() && !told.contains([' ', '`']) => default = format!("`{told}`"),
            Some(told) => told.clone_into(&mut default),
            None => meaning.push(sentence),
        }
    }
    (meaning.join(" ").trim_end_matches('.').to_owned(), default)
}

fn known(schema: &Value) -> Option<String> {
    let properties = schema["properties"].as_object()?;
    let (_, name, url) = KNOWN.iter().find(|(mark, ..)| properties.contains_key(*mark))?;
    Some(format!("[{name}]({url})"))
}

fn type_of(schema: &Value) -> String {
    if let Some(known) = known(schema) {
        return known;
    }
    let words: Vec<String> = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|w| format!("`{w}`"))
        .collect();
    if !words.is_empty() {
        return words.join(" ");
    }
    if schema["items"].is_object() {
        let bounds = bounds(schema, "Items", "").replacen(", ", "", 1);
        let bounds = if bounds.is_empty() { bounds } else { format!(" ({bounds})") };
        return format!("list{bounds} of {}", type_of(&schema["items"]));
    }
    if schema["additionalProperties"].is_object() {
        return format!("map of {}", type_of(&schema["additionalProperties"]));
    }
    let pattern = schema["pattern"].as_str();
    match schema["type"].as_str().unwrap_or("any") {
        "string" if pattern.is_some_and(|pattern| pattern.ends_with("[smhdw]$")) => "duration".to_owned(),
        "string" => {
            let pattern = pattern.map(|pattern| format!(", `{pattern}`")).unwrap_or_default();
            format!("string{}{pattern}", bounds(schema, "Length", " characters"))
        }
        "integer" => {
            let (least, most) = (number(&schema["minimum"]), number(&schema["maximum"]));
            format!("integer{}", range(least.filter(|least| *least > 0), most, ""))
        }
        other => other.to_owned(),
    }
}

fn bounds(schema: &Value, what: &str, unit: &str) -> String {
    let bound = |end: &str| number(&schema[format!("{end}{what}")]);
    range(bound("min"), bound("max"), unit)
}

/// Schemas write whole bounds as floats too.
#[expect(clippy::cast_possible_truncation, reason = "bounds are small whole numbers")]
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
}

fn range(least: Option<i64>, most: Option<i64>, unit: &str) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (Some(1), None) if !unit.is_empty() => ", not empty".to_owned(),
        (Some(least), None) => format!(", at least {least}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
        (None, None) => String::new(),
    }
}

/// Place, rule and message of every rule.
pub(super) fn rules(schema: &Value) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), schema)];
    while let Some((path, schema)) = open.pop() {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let text = |field: &str| rule[field].as_str().unwrap_or_default().to_owned();
            found.push((path.clone(), text("rule"), text("message")));
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let (inner, below) = inside(property, below);
            open.push((below, inner));
        }
    }
    found
}
