//! The fields of a plugin, as a table: what may stand where, and the fix for what old generations wrote.

/// What a field holds.
pub(crate) enum Shape {
    Text,
    Bool,
    /// A whole number that is not negative.
    Count,
    Duration,
    Fields(&'static Fields),
    List(&'static Fields),
    /// A map of strings to strings.
    Labels,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Anything: its own type decides.
    Any,
}

/// The fields of one map.
pub(crate) struct Fields {
    /// The fields.
    pub(crate) known: &'static [Field],
    /// Spellings of old generations and the fix.
    pub(crate) old: &'static [(&'static str, &'static str)],
}

/// One field.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// A field that may be there.
pub(crate) const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

/// A field that must be there.
pub(crate) const fn must(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

const SPEC_FIELDS: &[Field] = &[
    may("description", Shape::Text),
    must("runner", Shape::Fields(&RUNNER)),
    may("params", Shape::List(&PARAM)),
    may("create", Shape::List(&STEP)),
    may("delete", Shape::List(&STEP)),
    may("refresh", Shape::Fields(&REFRESH)),
    may("allowedNamespaces", Shape::Fields(&ALLOWED)),
    may("limits", Shape::Fields(&LIMITS)),
];

const OLD_SPEC: &[(&str, &str)] = &[
    ("type", "write `runner`, `create` and `delete`: `type: ExecPod` is of a removed generation"),
    ("execPod", "write `runner`, `create` and `delete`: `execPod` is of a removed generation"),
];

/// `spec` of a document.
pub(super) static SPEC: Fields = Fields { known: SPEC_FIELDS, old: OLD_SPEC };

/// `spec` of an object.
pub(super) static OBJECT_SPEC: Fields = Fields {
    known: &[
        must("name", Shape::Text),
        may("version", Shape::Text),
        may("description", Shape::Text),
        must("runner", Shape::Fields(&RUNNER)),
        may("params", Shape::List(&PARAM)),
        may("create", Shape::List(&STEP)),
        may("delete", Shape::List(&STEP)),
        may("refresh", Shape::Fields(&REFRESH)),
        may("allowedNamespaces", Shape::Fields(&ALLOWED)),
        may("limits", Shape::Fields(&LIMITS)),
    ],
    old: OLD_SPEC,
};

static RUNNER: Fields = Fields {
    known: &[
        may("image", Shape::Text),
        may("namespace", Shape::Text),
        may("podTemplateOverlay", Shape::Text),
        may("terraformState", Shape::Bool),
    ],
    old: &[(
        "basePodTemplate",
        "write `podTemplateOverlay`, a string with what differs from the default pod",
    )],
};

static PARAM: Fields = Fields {
    known: &[
        must("name", Shape::Text),
        may("default", Shape::Text),
        may("pattern", Shape::Text),
        may("sensitive", Shape::Bool),
        may("optional", Shape::Bool),
        may("description", Shape::Text),
    ],
    old: &[],
};

static STEP: Fields = Fields {
    known: &[
        must("name", Shape::Text),
        may("inputs", Shape::List(&INPUT)),
        may("outputs", Shape::List(&OUTPUT)),
        may("script", Shape::Text),
        may("timeout", Shape::Duration),
        may("retries", Shape::Count),
        may("signal", Shape::Text),
        may("grace", Shape::Duration),
    ],
    old: &[(
        "env",
        "give the input `as: {env: NAME}`; what all steps share belongs into the overlay's `env`",
    )],
};

static INPUT: Fields = Fields {
    known: &[
        must("name", Shape::Text),
        may("valueFromSandbox", Shape::Bool),
        may("valueFromStep", Shape::Fields(&SOURCE)),
        may("as", Shape::Fields(&AS)),
        may("type", Shape::Text),
    ],
    old: &[("to", "write `as`, with `path` in place of `localPath`")],
};

static SOURCE: Fields = Fields {
    known: &[must("name", Shape::Text), must("output", Shape::Text)],
    old: &[("value", "write `output`")],
};

static AS: Fields = Fields {
    known: &[may("env", Shape::Text), may("path", Shape::Text)],
    old: &[("localPath", "write `path`")],
};

static OUTPUT: Fields = Fields {
    known: &[
        must("name", Shape::Text),
        must("valueFromPath", Shape::Text),
        may("deliver", Shape::Bool),
        may("description", Shape::Text),
        may("type", Shape::Text),
    ],
    old: &[("from", "write `valueFromPath: /path`")],
};

static REFRESH: Fields =
    Fields { known: &[must("every", Shape::Duration), must("steps", Shape::List(&STEP))], old: &[] };

static ALLOWED: Fields = Fields {
    known: &[
        must("from", Shape::Word(&["All", "Selector", "None"])),
        may("selector", Shape::Fields(&SELECTOR)),
    ],
    old: &[],
};

static SELECTOR: Fields = Fields {
    known: &[may("matchLabels", Shape::Labels), may("matchExpressions", Shape::List(&EXPRESSION))],
    old: &[],
};

static EXPRESSION: Fields = Fields {
    known: &[must("key", Shape::Text), must("operator", Shape::Text), may("values", Shape::Any)],
    old: &[],
};

static LIMITS: Fields = Fields {
    known: &[
        may("concurrency", Shape::Count),
        may("perNamespace", Shape::Count),
        may("linger", Shape::Duration),
    ],
    old: &[],
};
