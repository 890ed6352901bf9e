//! The reference of environment variables, labels and annotations.

use std::fmt::Write as _;

use sandbind_core::workflow::assignment::ENVIRONMENT;
use sandbind_wire::name;

/// What people set on objects, besides their specs.
const MARKS: &[(&str, &str, &str)] = &[
    (
        name::LABEL_SANDBOX,
        "label on a pod",
        "Name of the sandbox that the pod belongs to; the only thing an app team sets",
    ),
    (
        name::LABEL_ENABLED,
        "label on a namespace",
        "`true`: plugins without `allowedNamespaces` may be used here",
    ),
    (
        name::ANNOTATION_UNMATCHED,
        "annotation on a namespace",
        "`Allow`: labelled pods that no binding selects run unbound instead of being denied",
    ),
    (
        name::ANNOTATION_RETRY,
        "annotation on a Sandbox",
        "Any new value starts the next round of failed resources at once; `sandbind sandbox retry` sets it",
    ),
    (
        name::ANNOTATION_HOLD,
        "annotation on a Sandbox",
        "RFC 3339 time until which its resources are kept although nobody uses them; `sandbind sandbox hold` sets it",
    ),
    (
        name::ANNOTATION_DELETE_NOW,
        "annotation on a ResourceInstance",
        "Any new value makes a failing delete try again at once; `sandbind orphans retry` sets it",
    ),
    (
        name::ANNOTATION_DELETE_WITH,
        "annotation on a ResourceInstance",
        "`NAME@VERSION` whose delete steps to use; `sandbind orphans retry --plugin` sets it",
    ),
    (
        name::ANNOTATION_FORGET,
        "annotation on a ResourceInstance",
        "Why the resource is given up unremoved; `sandbind orphans forget` sets it",
    ),
];

/// Besides what the runner says: what the program that runs a script adds.
const ADDED: &[(&str, &str)] = &[(
    "SANDBIND_RUN",
    "Random id of this run of the script. All processes that carry it are ended with the script, so leave it in their environment",
)];

/// With `runner.terraformState`.
const STATE: &[(&str, &str)] = &[
    (
        "SANDBIND_STATE_URL",
        "Base of the addresses of states: `$SANDBIND_STATE_URL/NAME` is a state of its own",
    ),
    ("TF_HTTP_ADDRESS", "Address of the main state, as `backend \"http\" {}` reads it"),
    ("TF_HTTP_LOCK_ADDRESS", "The same, for its lock"),
    ("TF_HTTP_UNLOCK_ADDRESS", "The same, for its lock"),
    ("TF_HTTP_USERNAME", "User for these addresses"),
    ("TF_HTTP_PASSWORD", "Password for these addresses, another for each run of a script"),
    ("TF_IN_AUTOMATION", "`1`: no hints about further commands"),
    ("TF_INPUT", "`0`: nothing is asked for"),
];

/// Of containers and commands that get outputs.
const USERS: &[(&str, &str)] = &[
    (name::ENV_FILES, "In the command of `sandbind run`: the folder with the binding's files"),
    (name::ENV_CONTAINER, "In a container that `onRefresh.signal` names: the container's own name"),
];

/// Markdown.
pub(super) fn markdown() -> String {
    let mut text = String::from(
        "# Environment, labels, annotations\n\n\
         ## What every step is told\n\n\
         Besides its inputs, and what the plugin's pod template overlay sets. On a laptop (`sandbind run`, `sandbind plugin test`) a step sees \
         these, its inputs, `--env` and `PATH`, and nothing else of your environment.\n\n\
         | variable | meaning |\n|---|---|\n",
    );
    for (name, meaning) in ENVIRONMENT.iter().chain(ADDED) {
        let _infallible = writeln!(text, "| `{name}` | {meaning} |");
    }
    text.push_str(
        "\nWith [`runner.terraformState: true`](../plugins.md#terraform-and-opentofu) also:\n\n\
         | variable | meaning |\n|---|---|\n",
    );
    for (name, meaning) in STATE {
        let _infallible = writeln!(text, "| `{name}` | {meaning} |");
    }
    text.push_str(
        "\n## What apps are told\n\nThe variables that bindings name, and:\n\n| variable | meaning |\n|---|---|\n",
    );
    for (name, meaning) in USERS {
        let _infallible = writeln!(text, "| `{name}` | {meaning} |");
    }
    text.push_str("\n## Labels and annotations\n\n| name | where | meaning |\n|---|---|---|\n");
    for (name, place, meaning) in MARKS {
        let _infallible = writeln!(text, "| `{name}` | {place} | {meaning} |");
    }
    text
}
