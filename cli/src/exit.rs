//! How a command ends.

use sandbind_core::problem::Problem;

/// The place of what the API server refuses without naming one.
const API_SERVER: &str = "the API server";

/// A command's answer.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What its exit code says.
    pub(crate) exit: Exit,
    /// What the user is told.
    pub(crate) problems: Vec<Problem>,
}

/// The exit codes besides 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 1: it failed.
    Failed,
    /// 2: it was asked wrongly.
    Usage,
    /// 3: not within `--timeout`.
    Late,
    /// This very code, as `run` ends.
    Code(u8),
}

impl Exit {
    /// As the process ends.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Late => 3,
            Self::Code(code) => code,
        }
    }
}

impl Failure {
    /// Exit code 1 with one problem.
    pub(crate) fn failed(
        code: &str,
        place: impl Into<String>,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Problem::error(code, place, reason, way_out).into()
    }

    /// Exit code 2 with one problem.
    pub(crate) fn usage(
        code: &str,
        place: impl Into<String>,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self { exit: Exit::Usage, ..Self::failed(code, place, reason, way_out) }
    }

    /// Exit code 3 with one problem.
    pub(crate) fn late(
        place: impl Into<String>,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self { exit: Exit::Late, ..Self::failed("TimedOut", place, reason, way_out) }
    }

    /// Exit code 1 with a problem that has no code of its own.
    fn other(reason: String) -> Self {
        let way_out = "act on the reason; if it makes no sense, report it as a fault of sandbind";
        Self::failed("Failed", "this command", reason, way_out)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        vec![problem].into()
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self { exit: Exit::Failed, problems }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::other(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::other(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::other(error.to_string())
    }
}

impl From<kube::Error> for Failure {
    /// A refusal keeps the API server's words; everything else says that the server could not be asked.
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => match status.code {
                403 => Self::failed(
                    "Forbidden",
                    API_SERVER,
                    status.message.clone(),
                    "ask for the right, or use another context with --context",
                ),
                404 => Self::failed(
                    "NotFound",
                    API_SERVER,
                    status.message.clone(),
                    "check name, namespace and --context; `sandbind doctor` says whether sandbind is installed there",
                ),
                _ => Self::failed(
                    "Refused",
                    API_SERVER,
                    status.message.clone(),
                    "correct what the API server names, and run the command again",
                ),
            },
            other => Self::failed(
                "Unreachable",
                "the cluster",
                format!("{:#}", anyhow::Error::from(other)),
                "check --context, --kubeconfig and that the API server answers",
            ),
        }
    }
}
