//! `spec.files`.

use std::collections::BTreeSet;

use super::{duplicate, output_key, resource_exists};
use crate::{
    api::{
        ResourceBindingSpec,
        binding::{BoundFiles, FileItem},
    },
    problem::Problem,
};

/// Folders that a binding must not take, nor stand above or below.
const TAKEN: &[(&str, &str)] = &[
    ("/proc", "it is the kernel's"),
    ("/sys", "it is the kernel's"),
    ("/dev", "it is the container's own"),
    ("/var/run/secrets/kubernetes.io", "the pod's API token is there"),
    ("/run/secrets/kubernetes.io", "the pod's API token is there"),
];

pub(super) fn check(spec: &ResourceBindingSpec, problems: &mut Vec<Problem>) {
    for (index, files) in spec.files.iter().enumerate() {
        let place = format!("spec.files[{index}]");
        resource_exists(spec, &files.resource, &format!("{place}.resource"), problems);
        folder(spec, index, files, &format!("{place}.path"), problems);
        if let Some(items) = &files.items {
            if items.is_empty() {
                problems.push(Problem::error(
                    "NoItems",
                    format!("{place}.items"),
                    "an empty list gives no file",
                    "list the files, or leave the field out for every delivered output",
                ));
            }
            check_items(items, &place, problems);
        }
    }
}

fn folder(
    spec: &ResourceBindingSpec,
    index: usize,
    files: &BoundFiles,
    place: &str,
    problems: &mut Vec<Problem>,
) {
    let path = files.path.as_str();
    let mut parts = path.strip_prefix('/').unwrap_or_default().split('/');
    let plain = path.len() <= 512
        && !path.contains([':', '\0', '\n'])
        && parts.all(|part| !part.is_empty() && part != "." && part != "..");
    if !plain || !path.starts_with('/') {
        problems.push(Problem::error(
            "InvalidPath",
            place,
            format!("`{path}` is not the plain absolute path of a folder"),
            "write a path such as `/bindings/db`: no `.` or `..`, no `:`, no `/` at the end, not the root",
        ));
        return;
    }
    if let Some((taken, why)) = TAKEN.iter().find(|(taken, _)| below(path, taken) || below(taken, path)) {
        problems.push(Problem::error(
            "ReservedPath",
            place,
            format!("`{path}` cannot be used beside `{taken}`: {why}"),
            "choose another folder, such as `/bindings/db`",
        ));
    }
    let before = spec.files.iter().take(index).enumerate();
    for (other, _) in before.filter(|(_, other)| below(&other.path, path) || below(path, &other.path)) {
        problems.push(Problem::error(
            "OverlappingPaths",
            place,
            format!("`{path}` and the path of spec.files[{other}] lie in one another"),
            "give each folder a path of its own",
        ));
    }
}

/// Whether `path` is `above` or lies in it.
pub(crate) fn below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check_items(items: &[FileItem], place: &str, problems: &mut Vec<Problem>) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let place = format!("{place}.items[{index}]");
        output_key(&item.output_key, &format!("{place}.outputKey"), problems);
        if let Some(mode) = &item.mode
            && self::mode(mode).is_none()
        {
            problems.push(Problem::error(
                "InvalidMode",
                format!("{place}.mode"),
                format!("`{mode}` is not a file mode"),
                "write three octal digits, such as `0440`",
            ));
        }
        let path = item.path.as_deref().unwrap_or(&item.output_key);
        let plain = path.len() <= 512
            && !path.contains(['\0', '\n', '\\'])
            && path.split('/').all(|part| !part.is_empty() && part != "." && !part.starts_with(".."));
        if !plain {
            problems.push(Problem::error(
                "InvalidPath",
                format!("{place}.path"),
                format!("`{path}` is not a plain path below the folder"),
                "write a path such as `db/url`: no `/` at the beginning, no part that begins with `..`",
            ));
        } else if seen.contains(path) {
            problems.push(duplicate(format!("{place}.path"), "file", path));
        } else if let Some(other) = seen.iter().find(|other| below(path, other) || below(other, path)) {
            problems.push(Problem::error(
                "OverlappingPaths",
                format!("{place}.path"),
                format!("`{path}` and `{other}` lie in one another"),
                "give each file a path of its own",
            ));
        }
        seen.insert(path);
    }
}

/// Permission bits from three octal digits, with or without a leading zero.
pub(crate) fn mode(text: &str) -> Option<u32> {
    let digits = if text.len() == 4 { text.strip_prefix('0')? } else { text };
    let octal = digits.len() == 3 && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten()
}
