//! `AdmissionReview` of `admission.k8s.io/v1`, in types of our own: objects stay as they were sent.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use json_patch::PatchOperation;
use sandbind_core::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";
/// Longest warning that clients are shown whole.
const LONGEST_WARNING: usize = 256;
/// Longest message of a denial.
const LONGEST_MESSAGE: usize = 8_192;

/// What the API server asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) uid: String,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) namespace: String,
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) user_info: User,
    #[serde(default)]
    pub(crate) object: Value,
    #[serde(default)]
    pub(crate) old_object: Value,
    #[serde(default)]
    pub(crate) dry_run: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the field in the API")]
pub(crate) struct Kind {
    #[serde(default)]
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct User {
    #[serde(default)]
    pub(crate) username: String,
}

/// A review that cannot be answered, with the uid to answer it to as far as there is one.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) uid: String,
    pub(crate) problem: Box<Problem>,
}

/// A review of the right form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    api_version: String,
    kind: String,
    request: Request,
}

/// The request of a review.
pub(crate) fn read(body: &[u8]) -> Result<Request, Malformed> {
    match serde_json::from_slice(body) {
        Ok(Asked { api_version, kind, request })
            if api_version == API_VERSION && kind == KIND && !request.uid.is_empty() =>
        {
            Ok(request)
        }
        _ => read_patiently(body),
    }
}

/// The same, piece by piece, to tell what is wrong and to whom.
fn read_patiently(body: &[u8]) -> Result<Request, Malformed> {
    let nobody = |reason: String| Malformed { uid: String::new(), problem: Box::new(malformed(reason)) };
    let review: Value =
        serde_json::from_slice(body).map_err(|error| nobody(format!("the body is no JSON: {error}")))?;
    let uid = review.pointer("/request/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
    let wrong = |reason: String| Malformed { uid: uid.clone(), problem: Box::new(malformed(reason)) };
    let Value::Object(mut review) = review else {
        return Err(nobody("the body is no JSON object".to_owned()));
    };
    for (field, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        if review.get(field).and_then(Value::as_str) != Some(expected) {
            return Err(wrong(format!("`{field}` is not `{expected}`")));
        }
    }
    let request = review.remove("request").ok_or_else(|| wrong("there is no `request`".to_owned()))?;
    let request: Request =
        serde_json::from_value(request).map_err(|error| wrong(format!("`request`: {error}")))?;
    if request.uid.is_empty() {
        return Err(wrong("`request.uid` is empty".to_owned()));
    }
    Ok(request)
}

pub(crate) fn malformed(reason: String) -> Problem {
    Problem::error(
        "MalformedReview",
        "AdmissionReview",
        reason,
        "only an API server should call this address; look at its webhook configuration",
    )
}

/// An answer to a review.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    allowed: bool,
    patch: Vec<PatchOperation>,
    warnings: Vec<String>,
    message: String,
}

impl Answer {
    pub(crate) fn allow() -> Self {
        Self { allowed: true, ..Self::default() }
    }

    /// A denial is 403 and says nothing of trying again: with 429 a client would try within the call and hold its worker.
    pub(crate) fn deny(message: impl Into<String>) -> Self {
        Self { message: cut(message.into(), LONGEST_MESSAGE), ..Self::default() }
    }

    pub(crate) fn with_patch(self, patch: Vec<PatchOperation>) -> Self {
        Self { patch, ..self }
    }

    pub(crate) fn with_warnings(mut self, problems: &[Problem]) -> Self {
        self.warnings.extend(problems.iter().map(|problem| cut(problem.to_string(), LONGEST_WARNING)));
        self
    }

    /// The review that says so.
    pub(crate) fn into_review(self, uid: String) -> Answered {
        let patch = (!self.patch.is_empty())
            .then(|| STANDARD.encode(serde_json::to_vec(&self.patch).unwrap_or_default()));
        let status = (!self.allowed).then_some(Status {
            status: "Failure",
            code: 403,
            reason: "Forbidden",
            message: self.message,
        });
        let response = Response {
            uid,
            allowed: self.allowed,
            patch_type: patch.as_ref().map(|_| "JSONPatch"),
            patch,
            warnings: self.warnings,
            status,
        };
        Answered { api_version: API_VERSION, kind: KIND, response }
    }
}

/// A review with its answer, as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answered {
    api_version: &'static str,
    kind: &'static str,
    response: Response,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the fields in the API")]
struct Status {
    status: &'static str,
    code: u16,
    reason: &'static str,
    message: String,
}

/// Several problems, one line.
pub(crate) fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let end = (0..=longest - '…'.len_utf8()).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ä".repeat(200), 256).len(), 255);
        assert_eq!(cut("short".into(), 256), "short");
    }
}
