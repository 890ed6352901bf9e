//! Ways into a generated schema.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, ValidationRule,
};

/// Change the schema of the one served version.
pub(super) fn root(definition: &mut CustomResourceDefinition, change: impl Fn(&mut JSONSchemaProps)) {
    for version in &mut definition.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(schema) = schema {
            change(schema);
        }
    }
}

/// Change the schema at a path of property names; `[]` stands for the items of a list.
pub(super) fn at(schema: &mut JSONSchemaProps, path: &str, change: &dyn Fn(&mut JSONSchemaProps)) {
    let mut here = Some(schema);
    for part in path.split('.').filter(|part| !part.is_empty()) {
        here = here.and_then(|schema| match part {
            "[]" => match schema.items.as_mut() {
                Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items.as_mut()),
                _ => None,
            },
            name => schema.properties.as_mut().and_then(|properties| properties.get_mut(name)),
        });
    }
    debug_assert!(here.is_some(), "the schema has no `{path}`");
    if let Some(schema) = here {
        change(schema);
    }
}

/// Bound the length of texts.
pub(super) fn texts(schema: &mut JSONSchemaProps, bounds: &[(&str, i64)]) {
    for (path, length) in bounds {
        at(schema, path, &|text| text.max_length = Some(*length));
    }
}

/// Bound the length of lists.
pub(super) fn lists(schema: &mut JSONSchemaProps, bounds: &[(&str, i64)]) {
    for (path, length) in bounds {
        at(schema, path, &|list| list.max_items = Some(*length));
    }
}

/// Rules, each with what is told when it is broken.
pub(super) fn rules(schema: &mut JSONSchemaProps, path: &str, rules: &[(&str, &str)]) {
    let rules: Vec<ValidationRule> = rules
        .iter()
        .map(|(rule, message)| ValidationRule {
            rule: (*rule).to_owned(),
            message: Some((*message).to_owned()),
            ..ValidationRule::default()
        })
        .collect();
    at(schema, path, &|place| {
        place.x_kubernetes_validations.get_or_insert_default().extend(rules.iter().cloned());
    });
}

/// The API server knows `int64` and warns of Rust's unsigned formats; their minimum of 0 stays.
pub(super) fn known_formats(definition: &mut CustomResourceDefinition) {
    root(definition, walk);
}

fn walk(schema: &mut JSONSchemaProps) {
    if schema.format.as_deref().is_some_and(|format| format.starts_with("uint")) {
        schema.format = Some("int64".to_owned());
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = schema.items.as_mut() {
        walk(items);
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        walk(property);
    }
}
