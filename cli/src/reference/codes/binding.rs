//! What may be wrong with bindings and Sandboxes.

use super::Subject;

const COLUMNS: [&str; 3] = ["code", "meaning", "way out"];

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        heading: "Bindings and Sandboxes",
        about: "Told when a ResourceBinding or Sandbox is written, and by `sandbind inject` and `run`.",
        columns: COLUMNS,
        lines: OBJECT,
    },
    Subject {
        heading: "References",
        about: "About what a binding or Sandbox names. A warning when it is written, the condition `ResolvedRefs` afterwards, a denial when a pod needs \
                it: so the order of `kubectl apply` does not matter.",
        columns: COLUMNS,
        lines: REFERENCE,
    },
];

const OBJECT: &str = "\
Duplicate | a name is given twice | remove or rename one
EnvAmbiguous | a variable has both of `value` and `valueFrom`, or neither | keep one
InvalidEnvName | the name of a variable is not valid | letters, digits, `_`, `-` and `.`, not a digit first
InvalidEnvValue | a value holds a NUL character | remove it
InvalidMode | a file's mode is not valid | three octal digits, such as `0440`
InvalidName | a container, resource or param has no valid name | 1 to 63 lower-case letters, digits and `-`, a letter or digit at both ends
InvalidObject | the object does not have the form of its kind | compare with the [API](api.md)
InvalidOutputKey | an output is not named as `<step>.<output>` | write for example `provision.url`
InvalidPath | a path is not plain, or not that of a URL | write `/bindings/db`, below it `db/url`, for HTTP `/-/reload`
InvalidPort | 0 is not a port | give the one that the app listens on
InvalidReference | `plugin` cannot be read | `name`, `name@1.2.0`, `name@^1`, `name@latest` or `name@draft`
InvalidRoutingKey | the routing key is too long or not printable | 1 to 63 visible ASCII characters, or leave it out
InvalidSandboxName | the label's value, or the Sandbox's name, is not a valid sandbox name | 1 to 63 lower-case letters, digits and `-`, a letter or digit at both ends
InvalidSelector | a label selector is not valid | correct it as the message says
InvalidSignal | a signal that apps may not be sent | use one of those named
NamespaceSelectorMissing | a binding in the system namespace holds nowhere without `namespaceSelector` | say where; `{}` means everywhere
NamespaceSelectorNotAllowed | only a binding in the system namespace may hold in others | remove it, or ask a cluster admin
NoContainers | `containers` is empty | name some, or leave it out for all
NoItems | `items` of a folder is empty | list the files, or leave it out for all outputs
NoResources | the binding gives nothing | add a resource
NothingToNotify | `onRefresh` without files: env vars do not change in a running container | give the values as `files`, or remove it
NotifyAmbiguous | `onRefresh` has both of `http` and `signal`, or neither | keep one
OverlappingPaths | two folders or files lie in one another | give each a path of its own
PrepareAmbiguous | `*` in `prepare` stands alone | write `[\"*\"]`, or names
ReservedPath | files at a path that the system or the sidecar uses | choose another, such as `/bindings/db`
TtlTooShort | the TTL is shorter than the shortest | give a longer one
UnknownSubstitution | a `$(…)` stands for nothing | `$(sandbox)`, `$(namespace)`, in Workload and Pod scope `$(workload)`; `$$` for a dollar
WaitOutOfRange | `wait.ready` is out of range | give a time within the bounds named
WaitTooLong | `wait.block` is longer than an admission can be held | shorten it; with `mode: Auto` the pod then waits gated
WaitUnused | `wait.block` means nothing with `mode: Gate` | remove it, or use `mode: Auto`";

const REFERENCE: &str = "\
ConflictingBindings | two bindings say different things about one resource, variable or folder | let them agree, rename, or narrow the selectors
InvalidParams | the params do not fit the plugin | see the problems told with it
LingerTooLong | the plugin allows less `linger` | ask for what it allows
MissingParam | the plugin needs a param that nobody gives | give it
PluginNotAllowed | the plugin may not be used in this namespace | a cluster admin labels the namespace, or changes the plugin's `allowedNamespaces`
ScopeChanged | a live resource has another scope than its binding says by now | set it back, or start the sandbox's pods anew
TooManyInstances | the namespace has as many resources of the plugin as it may | remove unused sandboxes, or ask for a higher `limits.perNamespace`
UnknownOutput | the plugin (or the version that a live resource was made from) does not deliver this output | use one of those told, or let the resource go so that the next one is made from the newer plugin
UnknownParam | the plugin has no such param | use one of those told
UnknownPlugin | there is no plugin of this name | apply it, or correct the name
UnknownPluginVersion | no version of the plugin fits | use one of those told
UnknownResource | no binding here declares a resource of this name | apply the binding, or correct the name";
